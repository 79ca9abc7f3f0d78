package io.callstream;

import io.callstream.v1.Call;
import io.callstream.v1.Event;
import io.callstream.v1.Stream;
import java.util.List;

/** One step of a watch. */
public sealed interface WatchItem {
  /**
   * Where the watch is after this item. A later watch can start after it, unless the item is a part
   * of a snapshot that is not the last.
   *
   * @return an opaque string, for {@code after_cursor}
   */
  String cursor();

  /**
   * Events that match, in order.
   *
   * @param cursor the place after the last of them
   * @param events one or more
   */
  record Events(String cursor, List<Event> events) implements WatchItem {}

  /**
   * A part of the state as it is at the cursor: streams and calls that have not ended.
   *
   * @param cursor the place that the whole snapshot shows
   * @param streams the streams of this part
   * @param calls the calls of this part
   * @param first a snapshot begins: forget what was known before, then take this part
   * @param last the snapshot is whole
   * @param reset what was known before may have holes, as the watch had to begin anew: the gateway
   *     no longer has what follows its cursor, or the snapshot before this one broke off. True on
   *     all parts of the snapshot
   */
  record Snapshot(
      String cursor,
      List<Stream> streams,
      List<Call> calls,
      boolean first,
      boolean last,
      boolean reset)
      implements WatchItem {}

  /**
   * Nothing else matched up to the cursor.
   *
   * @param cursor the place up to which the gateway has looked
   */
  record Bookmark(String cursor) implements WatchItem {}
}
