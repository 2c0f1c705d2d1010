"""What stands around a master's loop: the monitor page, the terminal view, the socket of `mavfer mark`."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from .desk import Desk
from .streams import Stream


@contextmanager
def views(
    desk: Desk,
    *,
    streams: Sequence[Stream] = tuple(Stream),
    page: bool,
    host: str = "127.0.0.1",
    port: int = 0,
    labels: Sequence[str] = (),
) -> Iterator[None]:
    """Show a desk as long as the block lasts: in the terminal if there is one, on a page if one is wanted.

    The page's address, with its one-time token, goes to stderr.

    Raises
    ------
    RecordError
        The page cannot be served there.
    """
    from .control import ControlServer
    from .terminal import TerminalView

    with ExitStack() as stack:
        control = ControlServer(desk)
        stack.callback(control.close)
        view = stack.enter_context(TerminalView(desk))
        if page:
            from .monitor.server import Monitor

            monitor = stack.enter_context(
                Monitor(desk, host=host, port=port, streams=streams, labels=labels, tell=view.tell)
            )
            view.tell(f"monitor: {monitor.url}")
            if monitor.warning:
                view.tell(monitor.warning)
        yield
