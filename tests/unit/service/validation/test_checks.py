"""The shared checks hold the limits of the contract, to the byte."""

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from gateway.domain.errors import InvalidRequest, Violation
from gateway.service.paging import PageRequest, encode_page_token, filters_digest
from gateway.service.validation.checks import Checks

FILTERS = filters_digest("x")


@pytest.fixture
def checks() -> Checks:
    """Checks of one request."""
    return Checks()


def found(checks: Checks) -> list[tuple[str, str]]:
    """What was wrong."""
    try:
        checks.finish()
    except InvalidRequest as error:
        return [(violation.field, violation.description) for violation in error.violations]
    return []


class TestFinish:
    """Collecting."""

    def test_nothing_wrong(self, checks: Checks) -> None:
        """A good request raises nothing."""
        checks.finish()

    def test_everything_at_once(self, checks: Checks) -> None:
        """All wrong fields come in one error, in their order."""
        checks.wrong("a", "is bad")
        checks.wrong("b", "is worse")
        with pytest.raises(InvalidRequest) as caught:
            checks.finish()
        assert caught.value.violations == (Violation("a", "is bad"), Violation("b", "is worse"))

    def test_it_is_bounded(self, checks: Checks) -> None:
        """A request with a million wrong values does not make a million violations."""
        checks.choices("states", [99] * 10_000, {1: "one"})
        assert len(found(checks)) == 100


class TestText:
    """text, visible and texts."""

    @pytest.mark.parametrize("value", ["", "x", "a b", "\u00e9" * 128, "x" * 256])
    def test_good_text(self, checks: Checks, value: str) -> None:
        """Text goes through unchanged."""
        assert checks.text("f", value) == value
        assert found(checks) == []

    @pytest.mark.parametrize(
        ("value", "says"),
        [
            ("x" * 257, "is too long: use at most 256 bytes"),
            ("\u00e9" * 129, "is too long: use at most 256 bytes"),
            ("a\nb", "must have no control characters"),
            ("\x00", "must have no control characters"),
            ("\x1f", "must have no control characters"),
            ("\x7f", "must have no control characters"),
            ("\x85", "must have no control characters"),
        ],
    )
    def test_bad_text(self, checks: Checks, value: str, says: str) -> None:
        """Bytes are counted, not characters; control characters are refused."""
        checks.text("f", value)
        assert found(checks) == [("f", says)]

    def test_required(self, checks: Checks) -> None:
        """An empty value is told from a missing limit."""
        checks.required_text("f", "")
        assert found(checks) == [("f", "is required")]

    @pytest.mark.parametrize("value", ["", "x", "~!", "x" * 128])
    def test_good_keys(self, checks: Checks, value: str) -> None:
        """Printable ASCII goes through, and so does nothing at all."""
        assert checks.visible("f", value) == value
        assert found(checks) == []

    @pytest.mark.parametrize(
        ("value", "says"),
        [
            ("x" * 129, "is too long: use at most 128 bytes"),
            ("a b", "must be printable ASCII without spaces"),
            ("a\n", "must be printable ASCII without spaces"),
            ("\x7f", "must be printable ASCII without spaces"),
            ("\u00e9", "must be printable ASCII without spaces"),
        ],
    )
    def test_bad_keys(self, checks: Checks, value: str, says: str) -> None:
        """What can't stand in a header or a log line is refused."""
        checks.visible("f", value)
        assert found(checks) == [("f", says)]

    def test_lists(self, checks: Checks) -> None:
        """Each item is checked under its own path."""
        assert checks.texts("f", ["a", "", "b", ""], 4, checks.required_text) == ("a", "", "b", "")
        assert found(checks) == [("f[1]", "is required"), ("f[3]", "is required")]

    def test_long_lists(self, checks: Checks) -> None:
        """A list that is too long is refused without a look at its items."""
        checks.texts("f", [""] * 5, 4, checks.required_text)
        assert found(checks) == [("f", "has too many items: use at most 4")]


class TestNumbers:
    """number, choice, choices and page_size."""

    @pytest.mark.parametrize(("value", "good"), [(-1, False), (0, True), (7, True), (8, False)])
    def test_range(self, checks: Checks, value: int, good: bool) -> None:
        """Both ends of the range are in it."""
        assert checks.number("f", value, 7) == value
        assert found(checks) == ([] if good else [("f", "is out of range: use 0 to 7")])

    def test_choice(self, checks: Checks) -> None:
        """A number becomes what it means."""
        assert checks.choice("f", 2, {0: "a", 2: "b"}) == "b"
        assert found(checks) == []

    def test_unknown_choice(self, checks: Checks) -> None:
        """A number of a later version is refused, not guessed."""
        checks.choice("f", 3, {0: "a", 2: "b"})
        assert found(checks) == [("f", "3 is no known value: use 0, 2")]

    def test_choices(self, checks: Checks) -> None:
        """Each unknown number of a filter is listed, also the unspecified one."""
        assert checks.choices("f", [2, 0, 1, 2, -1], {1: "a", 2: "b"}) == {"a", "b"}
        assert found(checks) == [("f[1]", "0 is no known value: use 1, 2"), ("f[4]", "-1 is no known value: use 1, 2")]

    @pytest.mark.parametrize(("size", "means"), [(0, 100), (1, 1), (1000, 1000)])
    def test_page_size(self, checks: Checks, size: int, means: int) -> None:
        """0 means the default."""
        assert checks.page_size(size) == means
        assert found(checks) == []

    @pytest.mark.parametrize("size", [-1, 1001])
    def test_bad_page_size(self, checks: Checks, size: int) -> None:
        """A size out of range is refused, not bent."""
        checks.page_size(size)
        assert found(checks) == [("page_size", "is out of range: use 1 to 1000, or 0 for 100")]


class TestLabels:
    """labels."""

    def test_good(self, checks: Checks) -> None:
        """Labels at their limits go through."""
        labels = {"k" * 63: "v" * 255, "empty": ""} | {str(n): "x" for n in range(30)}
        assert checks.labels("labels", labels) == labels
        assert found(checks) == []

    @pytest.mark.parametrize(
        ("key", "value", "path", "says"),
        [
            ("", "v", 'labels[""]', "must have a key"),
            ("k" * 64, "v", f'labels["{"k" * 64}"]', "has too long a key: use at most 63 bytes"),
            ("k" * 99, "v", f'labels["{"k" * 64}"]', "has too long a key: use at most 63 bytes"),
            ('a"\n', "v", 'labels["a\\"\\n"]', "must have no control characters in its key"),
            ("k", "v" * 256, 'labels["k"]', "is too long: use at most 255 bytes"),
            ("k", "\t", 'labels["k"]', "must have no control characters"),
        ],
    )
    def test_bad(self, checks: Checks, key: str, value: str, path: str, says: str) -> None:
        """The path names the label, quoted and cut."""
        checks.labels("labels", {key: value})
        assert found(checks) == [(path, says)]

    def test_too_many(self, checks: Checks) -> None:
        """33 labels are one too many."""
        checks.labels("labels", {str(n): "" for n in range(33)})
        assert found(checks) == [("labels", "has too many entries: use at most 32")]


class TestTimes:
    """length and time."""

    @pytest.mark.parametrize(
        ("seconds", "nanos", "us"),
        [(1, 0, 1_000_000), (60, 0, 60_000_000), (1, 1_000, 1_000_001), (2, 999, 2_000_000)],
    )
    def test_good_length(self, checks: Checks, seconds: int, nanos: int, us: int) -> None:
        """Both bounds are allowed; less than a microsecond is cut."""
        assert checks.length("f", Duration(seconds=seconds, nanos=nanos), 1, 60) == us
        assert found(checks) == []

    @pytest.mark.parametrize(
        ("seconds", "nanos"), [(0, 0), (0, 999_999_999), (60, 1), (61, 0), (-1, 0), (-1, -1), (0, -1)]
    )
    def test_length_out_of_range(self, checks: Checks, seconds: int, nanos: int) -> None:
        """A nanosecond too much is too much."""
        checks.length("f", Duration(seconds=seconds, nanos=nanos), 1, 60)
        assert found(checks) == [("f", "is out of range: use at least 1 s and at most 60 s")]

    def test_length_without_an_upper_bound(self, checks: Checks) -> None:
        """A length may have a lower bound only."""
        assert checks.length("f", Duration(seconds=10**9), 1) == 10**15
        checks.length("f", Duration(), 1)
        assert found(checks) == [("f", "is out of range: use at least 1 s")]

    @pytest.mark.parametrize(
        ("seconds", "nanos"),
        [(1, -1), (-1, 1), (1, 1_000_000_000), (0, -1_000_000_000), (315_576_000_001, 0), (-315_576_000_001, 0)],
    )
    def test_malformed_length(self, checks: Checks, seconds: int, nanos: int) -> None:
        """What protobuf itself forbids is told apart from what is out of range."""
        checks.length("f", Duration(seconds=seconds, nanos=nanos), 1)
        assert [description for _, description in found(checks)] == [
            "is no valid google.protobuf.Duration: check seconds, nanos and their signs"
        ]

    @pytest.mark.parametrize(
        ("seconds", "nanos", "us"),
        [(0, 0, 0), (5, 1, 5_000_001), (5, 1_000, 5_000_001), (5, 999_999_999, 6_000_000), (-1, 0, -1_000_000)],
    )
    def test_good_time(self, checks: Checks, seconds: int, nanos: int, us: int) -> None:
        """A time is rounded up, so that nothing before it is at or after it."""
        assert checks.time("f", Timestamp(seconds=seconds, nanos=nanos)) == us
        assert found(checks) == []

    @pytest.mark.parametrize(
        ("seconds", "nanos"), [(0, -1), (0, 1_000_000_000), (253_402_300_800, 0), (-62_135_596_801, 0)]
    )
    def test_malformed_time(self, checks: Checks, seconds: int, nanos: int) -> None:
        """A Timestamp outside its own range is refused."""
        checks.time("f", Timestamp(seconds=seconds, nanos=nanos))
        assert [field for field, _ in found(checks)] == ["f"]


class TestPage:
    """page."""

    def test_first(self, checks: Checks) -> None:
        """Without a token it is the first page."""
        assert checks.page(0, "", FILTERS) == PageRequest(100, FILTERS, None)

    def test_next(self, checks: Checks) -> None:
        """A token continues where it says."""
        assert checks.page(5, encode_page_token((7, ("c",)), FILTERS), FILTERS) == PageRequest(5, FILTERS, (7, ("c",)))

    def test_bad(self, checks: Checks) -> None:
        """Size and token are both listed."""
        checks.page(-1, "?", FILTERS)
        assert sorted(field for field, _ in found(checks)) == ["page_size", "page_token"]
