import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Asks for videos: publishes one request for each prompt and prints its id.
 *
 * <pre>KAFKA_BROKERS=127.0.0.1:9092 java -cp 'libs/*' RequestVideos.java "a fox moves left" "a boat moves right"</pre>
 *
 * The topic is `requests`, or $REQUESTS_TOPIC. The id is chosen here so that the video can be recognised. A request is
 * known by its source and its id: sending the same request again is one job, not two. To cancel it, send
 * {"cancel": ID} with the type dev.vimi.generation.cancelled.v1 and the same source, under any key.
 */
class RequestVideos {
  public static void main(String[] prompts) throws Exception {
    var topic = System.getenv().getOrDefault("REQUESTS_TOPIC", "requests");
    Map<String, Object> settings =
        Map.of(
            "bootstrap.servers", System.getenv("KAFKA_BROKERS"),
            // With idempotence: what is acknowledged is there once, whatever the network does.
            "acks", "all",
            "enable.idempotence", true);
    var json = new ObjectMapper();
    List<String> ids = new ArrayList<>();
    List<Future<RecordMetadata>> sent = new ArrayList<>();
    try (var producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
      for (var prompt : prompts) {
        var id = UUID.randomUUID().toString();
        var record = new ProducerRecord<>(topic, id, json.writeValueAsString(Map.of("prompt", prompt)));
        header(record, "ce_specversion", "1.0");
        header(record, "ce_id", id);
        header(record, "ce_source", "/examples/clients/java");
        header(record, "ce_type", "dev.vimi.generation.requested.v1");
        header(record, "content-type", "application/json");
        ids.add(id);
        sent.add(producer.send(record));
      }
      for (var n = 0; n < sent.size(); n++) {
        sent.get(n).get(); // fails where the record was not taken
        System.out.println(ids.get(n));
      }
    }
  }

  private static void header(ProducerRecord<?, ?> record, String name, String value) {
    record.headers().add(name, value.getBytes(StandardCharsets.UTF_8));
  }
}
