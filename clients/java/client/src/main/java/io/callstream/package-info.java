/**
 * Connects to a callstream gateway, and follows its events across every interruption.
 *
 * <p>{@link io.callstream.CallstreamClient} is where to begin. The messages and stubs are in {@link
 * io.callstream.v1}.
 */
package io.callstream;
