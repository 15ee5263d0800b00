"""Observers, and logging of their exceptions without text that may be secret."""

from collections.abc import Callable
import logging

_LOGGER = logging.getLogger(__name__)


def without_text(error: BaseException) -> Exception:
    """Return an exception with the traceback and class of another, but without its text, which may hold secrets."""
    return RuntimeError(type(error).__name__).with_traceback(error.__traceback__)


class Observers[*Args]:
    """Callbacks called in order of registration; one that raises does not affect the others and is logged once."""

    def __init__(self, what: str) -> None:
        """Take the description for the log."""
        self._what = what
        self._callbacks: dict[object, Callable[[*Args], None]] = {}
        self._complained: set[object] = set()

    def add(self, callback: Callable[[*Args], None]) -> Callable[[], None]:
        """Register `callback`; return the unsubscribe function, which may be called twice."""
        mark = object()
        self._callbacks[mark] = callback

        def undo() -> None:
            self._callbacks.pop(mark, None)
            self._complained.discard(mark)

        return undo

    def tell(self, *args: *Args) -> None:
        """Call them all."""
        for mark, callback in list(self._callbacks.items()):
            try:
                callback(*args)
            except Exception as error:
                # A subscriber may raise anything, and the others still have to be called.
                if mark not in self._complained:
                    self._complained.add(mark)
                    _LOGGER.exception("%s: a subscriber raised (said once)", self._what, exc_info=without_text(error))
