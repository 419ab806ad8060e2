package peer;

import java.io.IOException;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.DecoderFactory;

/**
 * The fields of a session event that the windows need; the others are skipped. Written by hand for
 * the schema, which is cheaper than Avro's generic or generated readers.
 */
final class Event {
  private static final int HEADER_BYTES = 5;
  private static final int SCHEDULED = 0, TUTOR = 0;

  private BinaryDecoder decoder;
  boolean outcome, byTutor;
  long occurred;

  void read(byte[] value) throws IOException {
    decoder = DecoderFactory.get()
        .binaryDecoder(value, HEADER_BYTES, value.length - HEADER_BYTES, decoder);
    decoder.skipString(); // event_id
    outcome = decoder.readEnum() != SCHEDULED;
    for (int skipped = 0; skipped < 3; skipped++) decoder.skipString(); // session, tutor, student
    decoder.readLong(); // scheduled_start
    occurred = decoder.readLong();
    if (decoder.readIndex() == 1) decoder.readInt(); // duration_minutes
    if (decoder.readIndex() == 1) decoder.readLong(); // new_start
    byTutor = decoder.readIndex() == 1 && decoder.readEnum() == TUTOR;
  }
}
