use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::Stream;
use futures_util::stream::unfold;
use tokio::time::{sleep, timeout};
use tonic::{Status, Streaming};

use crate::backoff::Backoff;
use crate::channel::Channel;
use crate::progress::{Progress, WatchItem};
use crate::v1::stream_service_client::StreamServiceClient;
use crate::v1::{WatchEventsRequest, WatchEventsResponse};

/// How a watch goes on after an interruption.
#[derive(Clone, Copy, Debug)]
pub struct WatchOptions {
    /// The longest that the first pause can be; each further one can be twice as long as the one before. 0.1 s.
    pub backoff_initial: Duration,
    /// The longest that any pause can be, if the gateway does not ask for more. 10 s.
    pub backoff_max: Duration,
    /// So many bookmark intervals without any message mean that the connection is dead. 3.
    pub dead_after_intervals: u32,
}

impl Default for WatchOptions {
    fn default() -> Self {
        Self {
            backoff_initial: Duration::from_millis(100),
            backoff_max: Duration::from_secs(10),
            dead_after_intervals: 3,
        }
    }
}

/// A watch that goes on by itself: a [`Stream`] of items, which has one RPC open at a time.
///
/// After `UNAVAILABLE` and a broken connection it is opened again at its last cursor. A connection on which bookmarks are
/// missing is left for a new one. Where the gateway no longer has what follows the cursor (`OUT_OF_RANGE`), it goes on
/// with a snapshot. The stream ends when the request's `until` is reached, or with an error that trying again would not
/// mend. Dropping it ends it at the gateway, too.
#[must_use = "a watch does nothing unless it is asked for items"]
pub struct Watch {
    items: Pin<Box<dyn Stream<Item = Result<WatchItem, Status>> + Send>>,
}

impl Watch {
    pub(crate) fn new(channel: Channel, request: WatchEventsRequest, options: WatchOptions) -> Self {
        let backoff = Backoff::new(options.backoff_initial, options.backoff_max);
        let follower = Follower {
            channel,
            progress: Progress::new(request, backoff),
            dead_after_intervals: options.dead_after_intervals,
            open: None,
        };
        Self {
            items: Box::pin(unfold(Some(follower), async |follower| {
                let mut follower = follower?;
                match follower.next().await {
                    Ok(Some(item)) => Some((Ok(item), Some(follower))),
                    Ok(None) => None,
                    Err(status) => Some((Err(status), None)),
                }
            })),
        }
    }

    /// The next item; `None` once the watch is complete, or has ended with an error. Nothing is lost if the future is
    /// dropped.
    pub async fn next(&mut self) -> Option<Result<WatchItem, Status>> {
        poll_fn(|context| self.items.as_mut().poll_next(context)).await
    }
}

impl Stream for Watch {
    type Item = Result<WatchItem, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.items.as_mut().poll_next(context)
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Watch").finish_non_exhaustive()
    }
}

struct Follower {
    channel: Channel,
    progress: Progress,
    dead_after_intervals: u32,
    open: Option<Open>,
}

struct Open {
    responses: Streaming<WatchEventsResponse>,
    connection: u64,
}

impl Follower {
    async fn next(&mut self) -> Result<Option<WatchItem>, Status> {
        loop {
            match self.receive().await {
                Ok(Some(response)) => {
                    if let Some(item) = self.progress.received(response) {
                        return Ok(Some(item));
                    }
                }
                Ok(None) => return Ok(None),
                Err(status) => {
                    self.open = None; // ends the RPC
                    let Some(pause) = self.progress.failed(&status) else {
                        return Err(status);
                    };
                    tracing::info!(%status, ?pause, "the watch was interrupted");
                    sleep(pause).await;
                }
            }
        }
    }

    /// The next message; opens the watch if it is not open. Time that passes while nobody asks is no silence.
    async fn receive(&mut self) -> Result<Option<WatchEventsResponse>, Status> {
        let patience = self.progress.interval() * self.dead_after_intervals;
        let connection = self.open.as_ref().map_or_else(|| self.channel.number(), |open| open.connection);
        let receiving = async {
            let open = match &mut self.open {
                Some(open) => open,
                closed => {
                    let mut streams = StreamServiceClient::new(self.channel.clone());
                    let responses = streams.watch_events(self.progress.request()).await?.into_inner();
                    closed.insert(Open { responses, connection })
                }
            };
            open.responses.message().await
        };
        timeout(patience, receiving).await.unwrap_or_else(|_| {
            self.channel.leave(connection);
            Err(Status::unavailable("bookmarks are missing"))
        })
    }
}
