package peer;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.processor.internals.InternalProcessorContext;
import org.apache.kafka.streams.processor.internals.ProcessorNode;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;
import org.apache.kafka.streams.state.internals.WrappedStateStore;

/** {@code App BOOTSTRAP APPLICATION INPUT SCORES FLIPS FOLDER each|at-commit LINGER_MS}. */
public final class App {
  private static final String ROWS = "rows";

  /** Folds each record into its tutor's row. */
  private static final class Score implements Processor<byte[], byte[], byte[], byte[]> {
    private final boolean atCommit;
    private final Event event = new Event();
    private final Row row = new Row(flip -> forward("flips", flip));
    private ProcessorContext<byte[], byte[]> context;
    private KeyValueStore<byte[], byte[]> rows;
    private Record<byte[], byte[]> current;

    Score(boolean atCommit) {
      this.atCommit = atCommit;
    }

    @Override
    public void init(ProcessorContext<byte[], byte[]> context) {
      this.context = context;
      rows = context.getStateStore(ROWS);
      if (atCommit) forwardWhatTheCacheFlushes();
    }

    /** As tables of the DSL do it; the Processor API has no door of its own to this. */
    @SuppressWarnings("unchecked")
    private void forwardWhatTheCacheFlushes() {
      var inner = (InternalProcessorContext<byte[], byte[]>) (Object) context;
      ProcessorNode<?, ?, ?, ?> mine = inner.currentNode();
      ((WrappedStateStore<?, byte[], byte[]>) (Object) rows).setFlushListener(flushed -> {
        ProcessorNode<?, ?, ?, ?> before = inner.currentNode();
        inner.setCurrentNode(mine);
        try {
          byte[] score = Row.score(flushed.value().newValue);
          context.forward(new Record<>(flushed.key(), score, flushed.timestamp()), "scores");
        } finally {
          inner.setCurrentNode(before);
        }
      }, false);
    }

    @Override
    public void process(Record<byte[], byte[]> record) {
      try {
        event.read(record.value());
      } catch (IOException broken) {
        throw new UncheckedIOException(broken);
      }
      current = record;
      long offset = context.recordMetadata().orElseThrow().offset();
      byte[] state = row.fold(rows.get(record.key()), offset, record.timestamp(), event.outcome,
          event.byTutor, event.occurred);
      if (state == null) return;
      rows.put(record.key(), state);
      if (!atCommit) forward("scores", Row.score(state));
    }

    private void forward(String sink, byte[] value) {
      context.forward(current.withValue(value), sink);
    }
  }

  public static void main(String[] words) throws InterruptedException {
    boolean atCommit = words[6].equals("at-commit");
    Topology topology = topology(words[2], words[3], words[4], atCommit);
    KafkaStreams streams = new KafkaStreams(topology, settings(words[0], words[1], words[5], words[7]));
    CountDownLatch closed = new CountDownLatch(1);
    streams.setUncaughtExceptionHandler(error -> {
      error.printStackTrace();
      return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
    });
    Runtime.getRuntime().addShutdownHook(new Thread(() -> {
      streams.close(Duration.ofSeconds(10));
      closed.countDown();
    }));
    streams.start();
    closed.await();
  }

  private static Topology topology(String input, String scores, String flips, boolean atCommit) {
    StoreBuilder<KeyValueStore<byte[], byte[]>> rows = Stores
        .keyValueStoreBuilder(Stores.persistentKeyValueStore(ROWS), Serdes.ByteArray(),
            Serdes.ByteArray())
        .withCachingEnabled()
        .withLoggingEnabled(Map.of());
    ByteArraySerializer writer = new ByteArraySerializer();
    ByteArrayDeserializer reader = new ByteArrayDeserializer();
    return new Topology()
        .addSource("events", reader, reader, input)
        .addProcessor("score", () -> new Score(atCommit), "events")
        .addStateStore(rows, "score")
        .addSink("scores", scores, writer, writer, "score")
        .addSink("flips", flips, writer, writer, "score");
  }

  private static Properties settings(
      String bootstrap, String application, String folder, String linger) {
    Properties settings = new Properties();
    settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, bootstrap);
    settings.put(StreamsConfig.APPLICATION_ID_CONFIG, application);
    settings.put(StreamsConfig.STATE_DIR_CONFIG, folder);
    settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 1);
    settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.AT_LEAST_ONCE);
    settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 1000);
    settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 128L << 20);
    settings.put(StreamsConfig.BUFFERED_RECORDS_PER_PARTITION_CONFIG, 20_000);
    // A member that was killed is back at once.
    settings.put(StreamsConfig.consumerPrefix("group.instance.id"), application);
    settings.put(StreamsConfig.consumerPrefix("auto.offset.reset"), "earliest");
    settings.put(StreamsConfig.consumerPrefix("max.poll.records"), 10_000);
    settings.put(StreamsConfig.consumerPrefix("max.partition.fetch.bytes"), 4 << 20);
    settings.put(StreamsConfig.producerPrefix("linger.ms"), linger);
    settings.put(StreamsConfig.producerPrefix("batch.size"), 1 << 20);
    settings.put(StreamsConfig.producerPrefix("buffer.memory"), 64 << 20);
    settings.put(StreamsConfig.producerPrefix("max.request.size"), 4 << 20);
    return settings;
  }
}
