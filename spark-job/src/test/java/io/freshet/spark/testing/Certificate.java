package io.freshet.spark.testing;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** A certificate for this machine that signs itself, as that of an authority of one's own does. */
public final class Certificate {
    private static final String PASSWORD = "changeit";

    private final Path store;
    private final Path pem;

    /** Makes one in a folder. */
    public Certificate(Path folder) throws IOException, InterruptedException {
        store = folder.resolve("store.p12");
        pem = folder.resolve("ca.pem");
        keytool("-genkeypair", "-alias", "ca", "-keyalg", "EC", "-dname", "CN=test", "-ext",
            "SAN=ip:127.0.0.1,dns:localhost");
        keytool("-exportcert", "-rfc", "-alias", "ca", "-file", pem.toString());
    }

    /** The certificate without its key, in PEM format. */
    public Path pem() {
        return pem;
    }

    /** Settings of a broker that identifies itself by it. */
    String ofBroker() {
        return String.join("\n", "ssl.keystore.type=PKCS12", "ssl.keystore.location=" + store,
            "ssl.keystore.password=" + PASSWORD, "ssl.key.password=" + PASSWORD);
    }

    private void keytool(String... arguments) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin/keytool").toString());
        command.addAll(List.of(arguments));
        command.addAll(List.of("-keystore", store.toString(), "-storepass", PASSWORD));
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String said = new String(process.getInputStream().readAllBytes());
        if (process.waitFor() != 0) {
            throw new AssertionError(said);
        }
    }
}
