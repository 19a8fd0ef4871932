"""A second channel: refunds that are asked for by mail, under the same contract."""

from guarded import main

main(("the vase arrived broken, order A-1", "the rug arrived broken, order A-2"), channel="email")
