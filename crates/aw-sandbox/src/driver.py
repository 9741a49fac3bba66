# Runs a program given on standard input and then says so on descriptor 3, with a token that was given along. Whatever else ends the
# interpreter, an exit with status 0 included, leaves it unsaid.
import os
import sys


def main():
    write, leave, read = os.write, os._exit, sys.stdin.buffer.read
    token, _, program = read().partition(b"\n")
    try:
        exec(compile(program, "<program>", "exec"), {"__name__": "__main__"})
    except BaseException:
        import traceback

        traceback.print_exc()
        sys.stderr.flush()
        leave(1)
    try:
        sys.stdout.flush()
    except BaseException:
        pass
    write(3, token)
    leave(0)


main()
