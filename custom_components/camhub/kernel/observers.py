"""Those who want to be told, and what is said when one of them (or a vendor's reader) breaks."""

from collections.abc import Callable
import logging

_LOGGER = logging.getLogger(__name__)


def without_text(error: BaseException) -> Exception:
    """Return where an error came from and its class, without its text: that may hold an address or a token."""
    return RuntimeError(type(error).__name__).with_traceback(error.__traceback__)


class Observers[*Args]:
    """Callbacks told in the order they came; one that raises hinders nobody and is logged once."""

    def __init__(self, what: str) -> None:
        """Take the words that name what is told, for the log."""
        self._what = what
        self._callbacks: dict[object, Callable[[*Args], None]] = {}
        self._complained: set[object] = set()

    def add(self, callback: Callable[[*Args], None]) -> Callable[[], None]:
        """Tell `callback` from now on; return what ends that (and may be called twice)."""
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
                # What a subscriber may raise is not known here, and the others still have to be told.
                if mark not in self._complained:
                    self._complained.add(mark)
                    _LOGGER.exception("%s: a subscriber raised (said once)", self._what, exc_info=without_text(error))
