//! The job on a Spark standalone cluster that keeps itself alive: `ZooKeeper`, two masters of which one leads, and two
//! workers, on one of which the driver runs. Kafka lets in by SASL over TLS of a private authority.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use freshet_dev::preflight::free_ports;
use freshet_dev::state::now_ms;
use freshet_dev::supervise::CommandLine;
use libtest_mimic::Failed;
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::Outcome;
use crate::cluster::{Cluster, HEALTH, RAW, WORKERS, newest_rows};
use crate::feed::Feed;
use crate::kafka::{Sender, end_of, read_all};
use crate::known_records::every_record_is_accounted_for;
use crate::process::{command_line, of_home, signal};
use crate::queries::newest_report_in;
use crate::security_broker::{Login, SecureBroker};
use crate::stack::project;
use crate::waiting::{LIMIT, ensure, until};

const ZOOKEEPER: &str = "zookeeper";
const MASTERS: [&str; 2] = ["master-1", "master-2"];
const MASTER: &str = "org.apache.spark.deploy.master.Master";
const WORKER: &str = "org.apache.spark.deploy.worker.Worker";
/// A worker alone has room for the driver and both executors.
const RESOURCES: [&str; 4] = ["--cores", "3", "--memory", "2g"];
const ADDRESS: [&str; 2] = ["--host", "127.0.0.1"];
/// How long a killed master leads on: the session that `ZooKeeper` gives it.
const SESSION: Duration = Duration::from_secs(4);

/// The leading master is killed, then a worker, then the one with the driver: the job goes on, and every window and
/// every counter is right.
pub(super) fn survives_its_masters_and_workers() -> Outcome {
    let secure = SecureBroker::start()?;
    let mut cluster = Available::lay_out()?;
    let outcome = cluster.start().and_then(|()| cluster.lose_one_after_the_other(&secure));
    let outcome = cluster.spark.end(outcome);
    secure.broker.end(outcome)
}

/// The cluster, and where its programs listen.
struct Available {
    spark: Cluster,
    masters: [u16; 2],
    pages: [u16; 2],
    workers: [u16; 2],
    zookeeper: u16,
}

impl Available {
    fn lay_out() -> Result<Self, Failed> {
        let [first, second, page, other_page, worker, other_worker, zookeeper] = free_ports()?;
        let spark = Cluster::lay_out(format!("spark://127.0.0.1:{first},127.0.0.1:{second}"))?;
        Ok(Self {
            spark,
            masters: [first, second],
            pages: [page, other_page],
            workers: [worker, other_worker],
            zookeeper,
        })
    }

    fn start(&mut self) -> Outcome {
        self.start_zookeeper()?;
        let recovery = format!(
            "-Dspark.deploy.recoveryMode=ZOOKEEPER -Dspark.deploy.zookeeper.url=127.0.0.1:{}",
            self.zookeeper
        );
        self.spark.set("SPARK_DAEMON_JAVA_OPTS", recovery);
        for (master, (port, page)) in MASTERS.iter().zip(self.masters.iter().zip(&self.pages)) {
            let (port, page) = (port.to_string(), page.to_string());
            let listening = ["--port", &port, "--webui-port", &page];
            self.spark.launch(master, MASTER, &[&ADDRESS[..], &listening].concat())?;
        }
        until(LIMIT, || self.leader().map(drop))?;
        (0..WORKERS.len()).try_for_each(|number| self.start_worker(number))?;
        until(LIMIT, || self.has_workers(WORKERS.len()))
    }

    /// Where the job finds who vouches for Kafka.
    fn authority(&self) -> PathBuf {
        self.spark.place("authority.pem")
    }

    fn start_zookeeper(&mut self) -> Outcome {
        let settings = self.spark.place("zoo.cfg");
        let text = format!(
            "dataDir={}\nclientPort={}\nclientPortAddress=127.0.0.1\ntickTime=500\n\
             maxSessionTimeout={}\nadmin.enableServer=false\n",
            self.spark.place("zookeeper").display(),
            self.zookeeper,
            SESSION.as_millis(),
        );
        fs::write(&settings, text)?;
        let jars = fs::read_to_string(project().join("build/classpaths/kafka-zookeeper.txt"))?;
        let command = CommandLine::new("java", self.spark.home())
            .args(["-Xmx128m", "org.apache.zookeeper.server.quorum.QuorumPeerMain"])
            .arg(&settings)
            .env("CLASSPATH", jars.lines().collect::<Vec<_>>().join(":"));
        self.spark.spawn(ZOOKEEPER, command)
    }

    fn start_worker(&mut self, number: usize) -> Outcome {
        let work = self.spark.place(WORKERS[number]).display().to_string();
        let port = self.workers[number].to_string();
        let masters = self.spark.master().to_owned();
        let listening = ["--port", &port, "--webui-port", "0", "--work-dir", &work, &masters];
        let arguments = [&ADDRESS[..], &RESOURCES, &listening].concat();
        self.spark.launch(WORKERS[number], WORKER, &arguments)
    }

    /// What a master says of itself.
    fn state(&self, number: usize) -> Result<Value, Failed> {
        let url = format!("http://127.0.0.1:{}/json/", self.pages[number]);
        Ok(ureq::get(url).call()?.body_mut().read_json()?)
    }

    /// The master that leads.
    fn leader(&self) -> Result<usize, Failed> {
        let mut leaders = (0..MASTERS.len())
            .filter(|number| self.state(*number).is_ok_and(|state| state["status"] == "ALIVE"));
        Ok(leaders.next().ok_or("no master leads")?)
    }

    fn has_workers(&self, count: usize) -> Outcome {
        let state = self.state(self.leader()?)?;
        ensure(state["aliveworkers"] == count, || format!("not {count} workers: {state}"))
    }

    /// The worker that the driver runs on.
    fn worker_with_driver(&self) -> Result<usize, Failed> {
        let processes = of_home(&self.spark.home()).into_iter().map(|(pid, _)| command_line(pid));
        let drivers: Vec<String> =
            processes.filter(|line| line.contains("DriverWrapper")).collect();
        let [driver] = &drivers[..] else {
            return Err(format!("{} drivers run", drivers.len()).into());
        };
        let runs_on = |port: &u16| driver.contains(&format!("Worker@127.0.0.1:{port} "));
        Ok(self.workers.iter().position(runs_on).ok_or("the driver runs on no worker")?)
    }

    fn kill(&mut self, name: &str) -> Outcome {
        signal(self.spark.pid(name)?, Signal::SIGKILL)?;
        self.spark.stop(name);
        Ok(())
    }

    fn submit(&mut self, secure: &SecureBroker) -> Outcome {
        let authority = self.authority();
        fs::copy(&secure.authority, &authority)?;
        let login = Login { authority: &authority, ..secure.login() };
        let toml = self.spark.configuration(&login.section("cluster"));
        let modes = ["--deploy-mode", "cluster", "--supervise"];
        let settings = ["spark.cores.max=2".to_owned()];
        self.spark.submit_with(&modes, &toml, "512m", &settings)?;
        until(LIMIT, || self.worker_with_driver().map(drop))
    }

    fn lose_one_after_the_other(&mut self, secure: &SecureBroker) -> Outcome {
        self.submit(secure)?;
        let broker = &secure.broker;
        until(LIMIT, || read_all(broker, RAW).map(drop))?;
        let mut load = Load { feed: Feed::new(now_ms()), sender: Sender::to_topic(broker, RAW)? };
        load.send(300)?;
        until(LIMIT, || ensure(!newest_rows(broker)?.is_empty(), || "no window".to_owned()))?;

        let leader = self.leader()?;
        self.kill(MASTERS[leader])?;
        load.send(300)?;
        until(LIMIT, || {
            ensure(self.leader()? != leader, || "the other master does not lead".to_owned())
        })?;
        until(LIMIT, || self.has_workers(WORKERS.len()))?;
        load.is_counted(secure)?;

        // An executor that is started from now on finds no file of the authority: the driver has told it.
        let (authority, away) = (self.authority(), self.authority().with_extension("away"));
        fs::rename(&authority, &away)?;
        let with_driver = self.worker_with_driver()?;
        let other = 1 - with_driver;
        load.send(300)?;
        let executors = self.spark.executors();
        self.kill(WORKERS[other])?;
        until(LIMIT, || self.has_workers(1))?;
        self.replace_all_of(&executors)?;
        load.send(100)?;
        load.is_counted(secure)?;
        fs::rename(&away, &authority)?;

        self.start_worker(other)?;
        until(LIMIT, || self.has_workers(WORKERS.len()))?;
        load.send(600)?;
        self.lose_the_driver(with_driver, secure, &mut load)
    }

    /// Kills those of the executors that are left, and waits until none but others run.
    fn replace_all_of(&self, executors: &[u32]) -> Outcome {
        let is_old = |executor: &u32| executors.contains(executor);
        for executor in self.spark.executors().into_iter().filter(is_old) {
            // Those of the killed worker end by themselves.
            drop(signal(executor, Signal::SIGKILL));
        }
        until(LIMIT, || {
            let now = self.spark.executors();
            let replaced = !now.is_empty() && !now.iter().any(is_old);
            ensure(replaced, || format!("executors {executors:?} became {now:?}"))
        })
    }

    /// Another driver goes on from the last batch that was committed, and reports what it has read itself.
    fn lose_the_driver(
        &mut self,
        with_driver: usize,
        secure: &SecureBroker,
        load: &mut Load,
    ) -> Outcome {
        let killed = now_ms();
        self.kill(WORKERS[with_driver])?;
        none_of_the_driver(&self.spark)?;
        let read_before = self.committed_offsets()?;
        until(LIMIT, || {
            let now = self.worker_with_driver()?;
            ensure(now != with_driver, || "the driver runs where it was killed".to_owned())
        })?;
        load.send(100)?;
        load.windows_match(secure)?;
        println!("after the worker with the driver: all windows within {} ms", now_ms() - killed);
        let broker = &secure.broker;
        let left = end_of(broker, RAW)? - read_before;
        until(LIMIT, || {
            let report = newest_report_in(broker, HEALTH, "known")?;
            let read = report["records_in"] == left && report["lag"] == 0;
            let none_lost = report["late"] == 0 && report["skipped_offsets"] == 0;
            ensure(read && none_lost, || format!("{left} records were left, the job says {report}"))
        })?;
        let letters = read_all(broker, "cluster.dead-letters")?;
        let mut places: Vec<&Vec<u8>> = letters.iter().map(|letter| &letter.key).collect();
        places.sort_unstable();
        places.dedup();
        ensure(places.len() == load.feed.rejected.len(), || {
            format!("{} dead letters of {} records", places.len(), load.feed.rejected.len())
        })
    }

    /// How many records the batches of the checkpoint hold that were committed.
    fn committed_offsets(&self) -> Result<i64, Failed> {
        let checkpoint = self.spark.place("checkpoints/known");
        let numbers = checkpoint
            .join("commits")
            .read_dir()?
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u64>().ok());
        let Some(batch) = numbers.max() else { return Ok(0) };
        let text = fs::read_to_string(checkpoint.join("offsets").join(batch.to_string()))?;
        let offsets: Value = serde_json::from_str(text.lines().last().ok_or("an empty batch")?)?;
        let partitions = offsets[RAW].as_object().ok_or("a batch without offsets")?;
        Ok(partitions.values().filter_map(Value::as_i64).sum())
    }
}

/// A killed worker takes its driver and its executors along.
fn none_of_the_driver(spark: &Cluster) -> Outcome {
    until(LIMIT, || {
        let lines = of_home(&spark.home()).into_iter().map(|(pid, _)| command_line(pid));
        let left = lines.filter(|line| line.contains("DriverWrapper")).count();
        ensure(left == 0, || "the killed worker's driver runs on".to_owned())
    })
}

/// Records, and what is to become of them.
struct Load {
    feed: Feed,
    sender: Sender,
}

impl Load {
    fn send(&mut self, seconds: i64) -> Outcome {
        self.sender.send(&self.feed.next(seconds))?;
        self.sender.flush()
    }

    /// A new driver asks the master that is gone first, and the brokers after it: minutes on a busy machine.
    fn windows_match(&self, secure: &SecureBroker) -> Outcome {
        until(LIMIT * 2, || self.feed.expected.matches(&newest_rows(&secure.broker)?))
    }

    fn is_counted(&self, secure: &SecureBroker) -> Outcome {
        self.windows_match(secure)?;
        until(LIMIT, || {
            let report = newest_report_in(&secure.broker, HEALTH, "known")?;
            every_record_is_accounted_for(&self.feed, &report)
        })
    }
}
