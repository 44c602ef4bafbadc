"""What all tests share."""

import signal


def pytest_configure() -> None:
    """Undoes what a shell did to signals: the tests send them, and a child inherits it.

    A shell without job control starts `command &` with SIGINT ignored, `nohup` with SIGHUP.
    """
    # A handler in place of SIG_DFL: pytest wants its KeyboardInterrupt. A child that is executed
    # gets the default.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGQUIT):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
