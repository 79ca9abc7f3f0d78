//! How a watch goes on: what to open next, what to hand over, how long to pause. It decides only, and moves no bytes.

use std::time::Duration;

use tonic::{Code, Status};

use crate::backoff::{Backoff, asked_for};
use crate::reason;
use crate::v1::watch_events_request::Start;
use crate::v1::watch_events_response::Kind;
use crate::v1::{Call, Event, Stream, WatchEventsRequest, WatchEventsResponse};

/// Between bookmarks, if the request names nothing else.
const USUAL_INTERVAL: Duration = Duration::from_secs(15);

/// What a watch hands over.
#[derive(Clone, Debug, PartialEq)]
pub enum WatchItem {
    /// Matching events, in order.
    Events {
        /// The place after the last of them.
        cursor: String,
        /// At least one.
        events: Vec<Event>,
    },
    /// A part of what there is now: streams and calls that have not ended.
    Snapshot {
        /// The place that the snapshot shows. A later watch can go on there once the last part has come.
        cursor: String,
        /// Streams of this part.
        streams: Vec<Stream>,
        /// Calls of this part.
        calls: Vec<Call>,
        /// A snapshot begins: forget what was known before, also the parts of one that broke off.
        first: bool,
        /// The snapshot is whole.
        last: bool,
        /// On each part of a snapshot that the watch began by itself: events before it are missing, as the gateway no
        /// longer has them, or parts of a broken snapshot went before it.
        reset: bool,
    },
    /// Nothing else matched up to the cursor.
    Bookmark {
        /// The place.
        cursor: String,
    },
}

impl WatchItem {
    /// Where the watch is after this item. A later watch, of another process too, can start after it; unless the item is a
    /// part of a snapshot that is not the last.
    #[must_use]
    pub fn cursor(&self) -> &str {
        match self {
            Self::Events { cursor, .. } | Self::Snapshot { cursor, .. } | Self::Bookmark { cursor } => cursor,
        }
    }
}

pub(crate) struct Progress {
    /// What to open next; asks for a snapshot until one is complete.
    request: WatchEventsRequest,
    requested_interval: Duration,
    interval: Duration,
    backoff: Backoff,
    asked: Duration,
    parts: u32,  // of a snapshot that is not complete, handed over
    reset: bool, // the next snapshot is not the one that was asked for
}

impl Progress {
    pub(crate) fn new(request: WatchEventsRequest, backoff: Backoff) -> Self {
        let requested_interval = duration(request.bookmark_interval.as_ref()).unwrap_or(USUAL_INTERVAL);
        Self {
            request,
            requested_interval,
            interval: requested_interval,
            backoff,
            asked: Duration::ZERO,
            parts: 0,
            reset: false,
        }
    }

    /// What to open the watch with, now.
    pub(crate) fn request(&self) -> WatchEventsRequest {
        self.request.clone()
    }

    /// How often the gateway says something.
    pub(crate) fn interval(&self) -> Duration {
        self.interval
    }

    /// Takes a message in, and returns what to hand over of it.
    pub(crate) fn received(&mut self, response: WatchEventsResponse) -> Option<WatchItem> {
        let cursor = response.cursor;
        let kind = response.kind?; // or of a later version of the contract
        if !matches!(kind, Kind::Opened(_)) {
            self.backoff.reset(); // a gateway that ends every watch at once is not to be stormed
        }
        match kind {
            Kind::Opened(opened) => {
                self.interval = duration(opened.bookmark_interval.as_ref()).unwrap_or(self.interval);
                if !self.request.include_snapshot {
                    self.arrive(&cursor); // "now" is now, also if nothing happens before the connection breaks
                }
                None
            }
            Kind::Snapshot(part) => {
                let (first, reset) = (self.parts == 0, self.reset);
                self.parts += 1;
                if part.last {
                    self.arrive(&cursor);
                }
                Some(WatchItem::Snapshot {
                    cursor,
                    streams: part.streams,
                    calls: part.calls,
                    first,
                    last: part.last,
                    reset,
                })
            }
            Kind::Events(batch) => {
                self.arrive(&cursor);
                Some(WatchItem::Events { cursor, events: batch.events })
            }
            Kind::Bookmark(_) => {
                self.arrive(&cursor);
                Some(WatchItem::Bookmark { cursor })
            }
            Kind::Closing(closing) => {
                self.asked = duration(closing.retry_after.as_ref()).unwrap_or_default();
                None
            }
        }
    }

    /// Decides on an error: returns how long to pause before `request` is opened, or `None` if opening it again would not
    /// mend it.
    pub(crate) fn failed(&mut self, status: &Status) -> Option<Duration> {
        match status.code() {
            // Nobody here has cancelled it: servers end with that what reaches them in their last moment.
            Code::Unavailable | Code::Cancelled => self.reset |= self.parts > 0,
            // CURSOR_COMPACTED, EPOCH_CHANGED, CURSOR_AHEAD. (Tonic has this code for a message that is too large.)
            Code::OutOfRange if reason(status).is_some() => {
                self.request.start = None;
                self.request.include_snapshot = true;
                self.reset = true;
            }
            _ => return None,
        }
        self.parts = 0;
        self.interval = self.requested_interval;
        let asked = std::mem::take(&mut self.asked).max(asked_for(status));
        Some(asked + self.backoff.pause())
    }

    /// From here on the watch can go on at this cursor. Inside a snapshot it would skip the rest of it.
    fn arrive(&mut self, cursor: &str) {
        self.request.start = Some(Start::AfterCursor(cursor.to_owned()));
        self.request.include_snapshot = false;
        self.parts = 0;
    }
}

/// A duration that is longer than nothing.
fn duration(given: Option<&prost_types::Duration>) -> Option<Duration> {
    let duration = Duration::try_from(*given?).ok()?;
    (!duration.is_zero()).then_some(duration)
}

#[cfg(test)]
mod tests {
    use tonic_types::{ErrorDetails, StatusExt as _};

    use super::*;
    use crate::v1::{WatchClosing, WatchOpened};

    const HOUR: Duration = Duration::from_secs(3600);
    const BOUND: Duration = Duration::from_millis(100);

    fn progress(bookmark_interval: Option<Duration>) -> Progress {
        let bookmark_interval = bookmark_interval.map(|interval| interval.try_into().unwrap());
        let request = WatchEventsRequest { bookmark_interval, ..Default::default() };
        Progress::new(request, Backoff::new(BOUND, HOUR))
    }

    fn receive(progress: &mut Progress, kind: Kind) {
        progress.received(WatchEventsResponse { cursor: "c".into(), kind: Some(kind) });
    }

    fn gone() -> Status {
        Status::unavailable("gone")
    }

    /// Nobody is asked again sooner than wished, by `closing` or by the status; and a wish holds once.
    #[test]
    fn waits_as_the_gateway_asks() {
        let mut progress = progress(None);
        let retry_after = Some(HOUR.try_into().unwrap());
        receive(&mut progress, Kind::Closing(WatchClosing { retry_after, ..Default::default() }));
        let wait = progress.failed(&gone()).unwrap();
        assert!((HOUR..HOUR + BOUND).contains(&wait), "{wait:?}");
        let details = ErrorDetails::with_retry_info(Some(2 * HOUR));
        let wait = progress.failed(&Status::with_error_details(Code::Unavailable, "draining", details)).unwrap();
        assert!((2 * HOUR..2 * HOUR + 2 * BOUND).contains(&wait), "{wait:?}");
        assert!(progress.failed(&gone()).unwrap() < 4 * BOUND);
    }

    /// `opened` is no sign of life that makes pauses short again: all else is.
    #[test]
    fn opening_does_not_shorten_pauses() {
        let mut progress = progress(None);
        let mut longest = Duration::ZERO;
        for _ in 0..20 {
            receive(&mut progress, Kind::Opened(WatchOpened::default()));
            longest = longest.max(progress.failed(&gone()).unwrap());
        }
        assert!(longest > BOUND, "{longest:?}");
        receive(&mut progress, Kind::Bookmark(crate::v1::WatchBookmark {}));
        assert!(progress.failed(&gone()).unwrap() < BOUND);
    }

    /// The interval is the gateway's once it has told it, and before that the one that was asked for, or the usual.
    #[test]
    fn knows_the_interval() {
        assert_eq!(progress(None).interval(), USUAL_INTERVAL);
        let mut progress = progress(Some(Duration::from_secs(3)));
        assert_eq!(progress.interval(), Duration::from_secs(3));
        let bookmark_interval = Some(Duration::from_secs(7).try_into().unwrap());
        receive(&mut progress, Kind::Opened(WatchOpened { bookmark_interval, ..Default::default() }));
        assert_eq!(progress.interval(), Duration::from_secs(7));
        progress.failed(&gone());
        assert_eq!(progress.interval(), Duration::from_secs(3));
    }
}
