package io.freshet.spark.nativelib;

import java.lang.reflect.InvocationTargetException;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;

/** A second copy of Freshet's classes in this JVM: a class loader that takes them from a place of its own. */
final class SeparateCopy extends URLClassLoader {
    /** @param place a jar, or a folder that ends in a slash */
    SeparateCopy(Path place) throws MalformedURLException {
        super(new URL[] {place.toUri().toURL()}, SeparateCopy.class.getClassLoader());
    }

    /** Freshet's own classes are not the parent's. */
    @Override
    protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
        if (!name.startsWith("io.freshet.")) {
            return super.loadClass(name, resolve);
        }
        synchronized (getClassLoadingLock(name)) {
            Class<?> loaded = findLoadedClass(name);
            return loaded == null ? findClass(name) : loaded;
        }
    }

    @Override
    public URL getResource(String name) {
        return name.startsWith("io/freshet/") ? findResource(name) : super.getResource(name);
    }

    /** Loads this copy's native library; throws what that throws. */
    void loadNativeLibrary() throws Exception {
        call("NativeLibrary", "load", new Class<?>[0]);
    }

    /** Calls a public static method of a class of {@code io.freshet.spark.nativelib}. */
    Object call(String className, String method, Class<?>[] types, Object... arguments) throws Exception {
        try {
            return loadClass("io.freshet.spark.nativelib." + className).getMethod(method, types)
                .invoke(null, arguments);
        } catch (InvocationTargetException e) {
            if (e.getCause() instanceof Exception cause) {
                throw cause;
            }
            throw e;
        }
    }
}
