import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.Executors;
import org.apache.iceberg.catalog.Namespace;
import org.apache.iceberg.catalog.TableIdentifier;
import org.apache.iceberg.exceptions.AlreadyExistsException;
import org.apache.iceberg.exceptions.CommitFailedException;
import org.apache.iceberg.exceptions.NoSuchNamespaceException;
import org.apache.iceberg.exceptions.NoSuchTableException;
import org.apache.iceberg.jdbc.JdbcCatalog;
import org.apache.iceberg.rest.CatalogHandlers;
import org.apache.iceberg.rest.RESTCatalogProperties.SnapshotMode;
import org.apache.iceberg.rest.RESTSerializers;
import org.apache.iceberg.rest.requests.CreateNamespaceRequest;
import org.apache.iceberg.rest.requests.CreateTableRequest;
import org.apache.iceberg.rest.requests.UpdateTableRequest;
import org.apache.iceberg.rest.responses.ConfigResponse;
import org.apache.iceberg.rest.responses.ErrorResponse;
import org.apache.iceberg.shaded.com.fasterxml.jackson.annotation.JsonAutoDetect.Visibility;
import org.apache.iceberg.shaded.com.fasterxml.jackson.annotation.PropertyAccessor;
import org.apache.iceberg.shaded.com.fasterxml.jackson.databind.DeserializationFeature;
import org.apache.iceberg.shaded.com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.iceberg.shaded.com.fasterxml.jackson.databind.PropertyNamingStrategies;

/**
 * Iceberg's own handlers of a REST catalog behind the JDK's HTTP server, for the tests. The project publishes no server, only
 * these handlers. Prints the port. The arguments are catalog properties, name=value each.
 */
public class RestCatalog {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final JdbcCatalog CATALOG = new JdbcCatalog();

  public static void main(String[] arguments) throws IOException {
    JSON.setVisibility(PropertyAccessor.FIELD, Visibility.ANY);
    JSON.configure(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES, false);
    JSON.setPropertyNamingStrategy(new PropertyNamingStrategies.KebabCaseStrategy());
    RESTSerializers.registerAll(JSON);
    Map<String, String> properties = new HashMap<>();
    for (String argument : arguments) {
      properties.put(argument.split("=", 2)[0], argument.split("=", 2)[1]);
    }
    CATALOG.initialize("rest", properties);
    HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 64);
    server.setExecutor(Executors.newFixedThreadPool(4));
    server.createContext("/v1/", RestCatalog::answer);
    server.start();
    System.out.println(server.getAddress().getPort());
  }

  private static void answer(HttpExchange exchange) throws IOException {
    try (exchange) {
      byte[] body = exchange.getRequestBody().readAllBytes();
      Object found;
      int status = 200;
      try {
        found = route(exchange.getRequestMethod(), exchange.getRequestURI().getRawPath().substring(4).split("/"),
            String.valueOf(exchange.getRequestURI().getQuery()).contains("purgeRequested=true"), body);
      } catch (RuntimeException failure) {
        status = statusOf(failure);
        found = ErrorResponse.builder().responseCode(status).withType(failure.getClass().getSimpleName())
            .withMessage(String.valueOf(failure.getMessage())).build();
      }
      byte[] text = found == null ? new byte[0] : JSON.writeValueAsBytes(found);
      boolean empty = text.length == 0 || exchange.getRequestMethod().equals("HEAD");
      exchange.getResponseHeaders().set("Content-Type", "application/json");
      exchange.sendResponseHeaders(found == null ? 204 : status, empty ? -1 : text.length);
      if (!empty) {
        exchange.getResponseBody().write(text);
      }
    }
  }

  private static int statusOf(RuntimeException failure) {
    if (failure instanceof NoSuchTableException || failure instanceof NoSuchNamespaceException) {
      return 404;
    }
    return failure instanceof CommitFailedException || failure instanceof AlreadyExistsException ? 409 : 400;
  }

  /** The routes that PyIceberg, DuckDB and Spark ask for. */
  private static Object route(String method, String[] path, boolean purge, byte[] body) throws IOException {
    String asked = method + " " + path.length + " " + (path.length > 2 ? path[2] : path[0]);
    Namespace namespace = path.length > 1 ? Namespace.of(decoded(path[1])) : Namespace.empty();
    TableIdentifier table = path.length > 3 ? TableIdentifier.of(namespace, decoded(path[3])) : null;
    switch (asked) {
      case "GET 1 config":
        return ConfigResponse.builder().build();
      case "GET 1 namespaces":
        return CatalogHandlers.listNamespaces(CATALOG, namespace);
      case "POST 1 namespaces":
        return CatalogHandlers.createNamespace(CATALOG, JSON.readValue(body, CreateNamespaceRequest.class));
      case "GET 2 namespaces":
        return CatalogHandlers.loadNamespace(CATALOG, namespace);
      case "HEAD 2 namespaces":
        CatalogHandlers.namespaceExists(CATALOG, namespace);
        return null;
      case "GET 3 tables":
        return CatalogHandlers.listTables(CATALOG, namespace);
      case "POST 3 tables":
        CreateTableRequest request = JSON.readValue(body, CreateTableRequest.class);
        return request.stageCreate() ? CatalogHandlers.stageTableCreate(CATALOG, namespace, request)
            : CatalogHandlers.createTable(CATALOG, namespace, request);
      case "GET 4 tables":
        return CatalogHandlers.loadTable(CATALOG, table, SnapshotMode.ALL);
      case "HEAD 4 tables":
        CatalogHandlers.tableExists(CATALOG, table);
        return null;
      case "POST 4 tables":
        return CatalogHandlers.updateTable(CATALOG, table, JSON.readValue(body, UpdateTableRequest.class));
      case "DELETE 4 tables":
        if (purge) {
          CatalogHandlers.purgeTable(CATALOG, table);
        } else {
          CatalogHandlers.dropTable(CATALOG, table);
        }
        return null;
      case "GET 3 views":
        throw new IllegalArgumentException("no views");
      default:
        throw new NoSuchTableException("no such route: %s", asked);
    }
  }

  private static String decoded(String part) {
    return URLDecoder.decode(part, StandardCharsets.UTF_8);
  }
}
