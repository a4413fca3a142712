import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import org.neo4j.configuration.connectors.BoltConnector;
import org.neo4j.configuration.helpers.SocketAddress;
import org.neo4j.dbms.api.DatabaseManagementServiceBuilder;

/** A Neo4j that answers Bolt on this machine alone. Arguments: its settings, its folder, its port. */
class Neo4j {
    public static void main(String[] arguments) throws InterruptedException {
        var address = new SocketAddress("127.0.0.1", Integer.parseInt(arguments[2]));
        var server = new DatabaseManagementServiceBuilder(Path.of(arguments[1]))
            .loadPropertiesFromFile(Path.of(arguments[0]))
            .setConfig(BoltConnector.enabled, true)
            .setConfig(BoltConnector.listen_address, address)
            .build();
        Runtime.getRuntime().addShutdownHook(new Thread(server::shutdown));
        System.out.println("Neo4j answers at bolt://" + address + "; Ctrl-C stops it.");
        new CountDownLatch(1).await();
    }
}
