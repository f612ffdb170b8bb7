import com.fasterxml.jackson.databind.ObjectMapper;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * Reads finished videos: prints a line for each, "ID KEY SHA256", with the id that the request was sent under.
 *
 * <pre>
 * KAFKA_BROKERS=127.0.0.1:9092 java -cp 'libs/*' ReadVideos.java            for ever, as a consumer group
 * KAFKA_BROKERS=127.0.0.1:9092 java -cp 'libs/*' ReadVideos.java ID ID      until these are there; 1 after two minutes
 * </pre>
 *
 * The topic is `videos`, or $VIDEOS_TOPIC; the group is `example-java`, or $VIDEOS_GROUP. read_committed is what makes it
 * exactly once: events of transactions that were aborted are never seen.
 */
class ReadVideos {
  public static void main(String[] ids) throws Exception {
    var topic = System.getenv().getOrDefault("VIDEOS_TOPIC", "videos");
    Map<String, Object> settings =
        Map.of(
            "bootstrap.servers", System.getenv("KAFKA_BROKERS"),
            "group.id", System.getenv().getOrDefault("VIDEOS_GROUP", "example-java"),
            "isolation.level", "read_committed",
            "auto.offset.reset", "earliest",
            // The position moves only past what was handled: after a crash nothing is left out.
            "enable.auto.commit", false);
    var json = new ObjectMapper();
    var waiting = new HashSet<>(Arrays.asList(ids));
    var until = System.nanoTime() + Duration.ofMinutes(2).toNanos();
    try (var consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer())) {
      consumer.subscribe(List.of(topic));
      while (ids.length == 0 || (!waiting.isEmpty() && System.nanoTime() < until)) {
        for (var record : consumer.poll(Duration.ofSeconds(1))) {
          var video = json.readTree(record.value());
          // As the sender named it, in `source` and `id`. The job has an id of vimi's own, `job`.
          var id = video.get("request").get("id").asText();
          var object = video.get("object");
          System.out.println(id + " " + object.get("key").asText() + " " + object.get("sha256").asText());
          waiting.remove(id);
        }
        consumer.commitSync();
      }
    }
    for (var id : waiting) System.err.println("no video of request " + id + " in two minutes");
    if (!waiting.isEmpty()) System.exit(1);
  }
}
