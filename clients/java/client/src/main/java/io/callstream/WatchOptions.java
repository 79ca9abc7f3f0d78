package io.callstream;

import java.time.Duration;

/**
 * How a watch deals with interruptions.
 *
 * @param initialBackoff how long the pause after the first failure is at most; each further one is
 *     at most twice as long as the one before
 * @param maxBackoff how long any pause is at most, unless the gateway asks for a longer one
 * @param deadAfterIntervals how many bookmark intervals may pass without any message before the
 *     connection counts as dead
 */
public record WatchOptions(Duration initialBackoff, Duration maxBackoff, int deadAfterIntervals) {
  /** 0.1 s to 10 s of pause, and three intervals. */
  public static final WatchOptions DEFAULT =
      new WatchOptions(Duration.ofMillis(100), Duration.ofSeconds(10), 3);

  /**
   * Checks what it is given.
   *
   * @throws IllegalArgumentException if the initial backoff is not positive or above the greatest
   *     one, or if there is not at least one interval
   */
  public WatchOptions {
    if (initialBackoff.isNegative() || initialBackoff.isZero()) {
      throw new IllegalArgumentException("initialBackoff is not positive: " + initialBackoff);
    }
    if (maxBackoff.compareTo(initialBackoff) < 0) {
      throw new IllegalArgumentException("maxBackoff is below initialBackoff: " + maxBackoff);
    }
    if (deadAfterIntervals < 1) {
      throw new IllegalArgumentException("deadAfterIntervals is below 1: " + deadAfterIntervals);
    }
  }
}
