package io.callstream;

import static java.lang.ProcessBuilder.Redirect.DISCARD;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.util.Base64;

/**
 * A certificate of its own for this machine, as PEM files.
 *
 * @param chain the certificate
 * @param key its private key
 */
record Certificate(File chain, File key) {
  private static final char[] PASSWORD = "changeit".toCharArray();

  static Certificate make(Path folder, String name)
      throws IOException, InterruptedException, GeneralSecurityException {
    var store = folder.resolve(name + ".p12");
    var keytool = Path.of(System.getProperty("java.home"), "bin", "keytool").toString();
    var command =
        new ProcessBuilder(
            keytool,
            "-genkeypair",
            "-keyalg",
            "EC",
            "-alias",
            name,
            "-dname",
            "CN=" + name,
            "-ext",
            "san=ip:127.0.0.1",
            "-storepass",
            new String(PASSWORD),
            "-keystore",
            store.toString());
    assertEquals(0, command.redirectErrorStream(true).redirectOutput(DISCARD).start().waitFor());
    var keys = KeyStore.getInstance(store.toFile(), PASSWORD);
    return new Certificate(
        pem(folder.resolve(name + ".crt"), "CERTIFICATE", keys.getCertificate(name).getEncoded()),
        pem(
            folder.resolve(name + ".key"),
            "PRIVATE KEY",
            keys.getKey(name, PASSWORD).getEncoded()));
  }

  private static File pem(Path path, String label, byte[] content) throws IOException {
    var encoder = Base64.getMimeEncoder(64, new byte[] {'\n'});
    var text = "-----BEGIN %s-----\n%s\n-----END %1$s-----\n";
    return Files.writeString(path, text.formatted(label, encoder.encodeToString(content))).toFile();
  }
}
