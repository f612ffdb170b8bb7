import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;

/** Publishes COUNT records in each codec, with Kafka's own client: PublishCompressed.java TOPIC COUNT CODEC... */
class PublishCompressed {
  public static void main(String[] arguments) throws Exception {
    var topic = arguments[0];
    var count = Integer.parseInt(arguments[1]);
    for (var codec : List.of(arguments).subList(2, arguments.length)) {
      Map<String, Object> settings =
          Map.of(
              "bootstrap.servers", System.getenv("KAFKA_BROKERS"),
              "compression.type", codec,
              "batch.size", 500_000,
              "linger.ms", 2_000);
      try (var producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
        List<Future<?>> sent = new ArrayList<>();
        for (int n = 0; n < count; n++) {
          var value = ("a fox moves left, " + n + "; ").repeat(9);
          sent.add(producer.send(new ProducerRecord<>(topic, codec + " " + n, value)));
        }
        producer.flush();
        for (var one : sent) one.get();
      }
    }
  }
}
