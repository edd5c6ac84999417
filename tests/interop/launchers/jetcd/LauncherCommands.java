import io.etcd.jetcd.launcher.EtcdContainer;
import java.lang.reflect.Method;
import java.util.Arrays;
import java.util.List;

/** Prints how jetcd's launcher would start the nodes of a cluster; no container is made. */
public class LauncherCommands {
  /**
   * Arguments: "true" for TLS, "true" for a folder of the host's, then the nodes. Prints for each
   * node its command, a word per line, then a line "end".
   */
  public static void main(String[] arguments) throws Exception {
    List<String> nodes = Arrays.asList(arguments).subList(2, arguments.length);
    Method configure = EtcdContainer.class.getDeclaredMethod("configure");
    configure.setAccessible(true);
    for (String node : nodes) {
      try (EtcdContainer container = new EtcdContainer("image", node, nodes)) {
        container
            .withSll(Boolean.parseBoolean(arguments[0]))
            .withShouldMountDataDirectory(Boolean.parseBoolean(arguments[1]))
            .withClusterToken("token");
        configure.invoke(container);
        container.getEnvMap().forEach((name, value) -> System.out.println(name + "=" + value));
        Arrays.stream(container.getCommandParts()).forEach(System.out::println);
        System.out.println("end");
      }
    }
  }
}
