import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.flink.configuration.GlobalConfiguration;
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.TableEnvironment;

/** Runs the statements of a file of Flink SQL on a cluster: RunSql SETTINGS-FOLDER FILE NAME-OF-JOB [CHECKPOINT]. */
public class RunSql {
    public static void main(String[] arguments) throws Exception {
        var settings = GlobalConfiguration.loadConfiguration(arguments[0]);
        settings.setString("pipeline.name", arguments[2]);
        if (arguments.length > 3) {
            settings.setString("execution.state-recovery.path", arguments[3]);
        }
        var tables = TableEnvironment.create(EnvironmentSettings.newInstance().inStreamingMode().withConfiguration(settings).build());
        // Each statement ends with a semicolon at the end of a line.
        for (var statement : Files.readString(Path.of(arguments[1])).split(";\\s*\n")) {
            if (!statement.isBlank()) {
                tables.executeSql(statement);
            }
        }
    }
}
