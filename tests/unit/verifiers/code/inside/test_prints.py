"""What is printed between two answers is kept whole, up to a bound, and taken once."""

from ttscale.verifiers.code.inside.prints import Printed


def test_it_is_taken_once_and_as_it_was_printed() -> None:
    printed = Printed()
    print("a\r\nb", end="", file=printed.stream)
    printed.stream.buffer.write("é".encode())
    assert printed.taken() == "a\r\nbé"
    assert printed.taken() == ""
    print("\ud800", file=printed.stream)
    assert printed.taken().endswith("\n")
    assert printed.stream.fileno() == 1


def test_what_prints_without_end_is_cut_and_a_closed_stream_is_empty() -> None:
    printed = Printed()
    for _ in range(40):
        printed.stream.write("x" * (1 << 16))
    assert 1 << 20 <= len(printed.taken()) < 40 << 16
    printed.stream.close()
    assert printed.taken() == ""
