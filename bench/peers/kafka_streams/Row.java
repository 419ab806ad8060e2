package peer;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * One tutor's state as one byte array: a header, then the outcomes of the last 90 days in order, a
 * long each ({@code occurred << 1 | moved by the tutor}). Cursors mark where each window begins.
 * One instance serves every record in turn: nothing is allocated but the new state.
 */
final class Row {
  private static final VarHandle LONG = view(long[].class);
  private static final VarHandle INT = view(int[].class);
  private static final long DAY = 86_400_000L;
  private static final long[] WINDOWS = {7 * DAY, 30 * DAY, 90 * DAY};
  private static final long KEEP = 90 * DAY;
  private static final int APPLIED = 0, CLOCK = 8, DUE = 16, HIGH = 24, FLIPS = 28;
  private static final int SIZE = 32, FIRST = 36, MOVED = 48, HEADER = 64;
  private static final int SCORE_BYTES = 41, FLIP_BYTES = 13;

  interface Flips {
    void flip(byte[] packed);
  }

  private final Flips flips;
  private final int[] first = new int[3];
  private final int[] moved = new int[3];
  private byte[] bytes;
  private long clock, due;
  private boolean high;
  private int size, flipped;

  Row(Flips flips) {
    this.flips = flips;
  }

  private static VarHandle view(Class<?> type) {
    return MethodHandles.byteArrayViewVarHandle(type, ByteOrder.LITTLE_ENDIAN);
  }

  /** The state after one record; null if the state has applied it before. */
  byte[] fold(byte[] old, long offset, long timestamp, boolean outcome, boolean byTutor,
      long occurred) {
    if (old != null && offset <= (long) LONG.get(old, APPLIED)) return null;
    load(old, outcome ? 1 : 0);
    advance(timestamp);
    if (outcome) add(occurred, byTutor ? 1 : 0);
    return store(offset);
  }

  /** Takes over what has not left the longest window, with room for more. */
  private void load(byte[] old, int room) {
    int gone = 0;
    if (old == null) {
      clock = -1;
      due = Long.MAX_VALUE;
      high = false;
      size = flipped = 0;
      Arrays.fill(first, 0);
      Arrays.fill(moved, 0);
    } else {
      clock = (long) LONG.get(old, CLOCK);
      due = (long) LONG.get(old, DUE);
      high = (int) INT.get(old, HIGH) != 0;
      flipped = (int) INT.get(old, FLIPS);
      gone = (int) INT.get(old, FIRST + 8);
      size = (int) INT.get(old, SIZE) - gone;
      for (int w = 0; w < 3; w++) {
        first[w] = (int) INT.get(old, FIRST + 4 * w) - gone;
        moved[w] = (int) INT.get(old, MOVED + 4 * w);
      }
    }
    bytes = new byte[HEADER + 8 * (size + room)];
    if (size > 0) System.arraycopy(old, HEADER + 8 * gone, bytes, HEADER, 8 * size);
  }

  private byte[] store(long offset) {
    int length = HEADER + 8 * size;
    byte[] state = bytes.length == length ? bytes : Arrays.copyOf(bytes, length);
    LONG.set(state, APPLIED, offset);
    LONG.set(state, CLOCK, clock);
    LONG.set(state, DUE, due);
    INT.set(state, HIGH, high ? 1 : 0);
    INT.set(state, FLIPS, flipped);
    INT.set(state, SIZE, size);
    for (int w = 0; w < 3; w++) {
      INT.set(state, FIRST + 4 * w, first[w]);
      INT.set(state, MOVED + 4 * w, moved[w]);
    }
    return state;
  }

  private long outcome(int place) {
    return (long) LONG.get(bytes, HEADER + 8 * place);
  }

  /** Passes every expiry up to the instant, each at its own time. */
  private void advance(long instant) {
    while (due <= instant) {
      clock = due;
      expire();
      judge();
    }
    clock = Math.max(clock, instant);
  }

  private void expire() {
    due = Long.MAX_VALUE;
    for (int w = 0; w < 3; w++) {
      long edge = clock - WINDOWS[w];
      int place = first[w];
      while (place < size && outcome(place) >> 1 <= edge) moved[w] -= (int) (outcome(place++) & 1);
      first[w] = place;
      if (place < size) due = Math.min(due, (outcome(place) >> 1) + WINDOWS[w]);
    }
  }

  private void add(long occurred, int byTutor) {
    if (occurred <= clock - KEEP) return;
    int place = size;
    while (place > 0 && outcome(place - 1) >> 1 > occurred) place--; // Late ones are near the end.
    int from = HEADER + 8 * place;
    System.arraycopy(bytes, from, bytes, from + 8, 8 * (size - place));
    LONG.set(bytes, from, occurred << 1 | byTutor);
    size++;
    for (int w = 0; w < 3; w++) {
      long leaves = occurred + WINDOWS[w];
      if (leaves <= clock) {
        first[w]++;
      } else {
        moved[w] += byTutor;
        due = Math.min(due, leaves);
      }
    }
    judge();
  }

  private void judge() {
    boolean now = false;
    for (int w = 0; w < 3; w++) now |= moved[w] * 100 > 15 * (size - first[w]);
    if (now == high) return;
    high = now;
    byte[] flip = new byte[FLIP_BYTES];
    INT.set(flip, 0, ++flipped);
    LONG.set(flip, 4, clock);
    flip[12] = (byte) (high ? 1 : 0);
    flips.flip(flip);
  }

  /** Offset, clock, high, totals, moved by the tutor. */
  static byte[] score(byte[] state) {
    byte[] score = new byte[SCORE_BYTES];
    System.arraycopy(state, APPLIED, score, 0, 16);
    score[16] = (byte) (int) INT.get(state, HIGH);
    int size = (int) INT.get(state, SIZE);
    for (int w = 0; w < 3; w++) INT.set(score, 17 + 4 * w, size - (int) INT.get(state, FIRST + 4 * w));
    System.arraycopy(state, MOVED, score, 29, 12);
    return score;
  }
}
