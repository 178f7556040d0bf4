//! `--health`: whether the program that runs beside this one is ready. An image without shell and curl has nothing else
//! to ask with.

use std::time::Duration;

use freshet_core::config::reachable;
use thiserror::Error;

use crate::Failure;

/// How long the answer may take: less than the patience of those who run health checks.
const PATIENCE: Duration = Duration::from_secs(4);

/// Why a program is not known to be ready.
#[derive(Debug, Error)]
enum NotReady {
    #[error(
        "metrics_address is empty, so that nobody can be asked; set it to an address such as 127.0.0.1:9464"
    )]
    Nowhere,
    #[error("port 0 of metrics_address is any free port; set one that can be asked")]
    AnyPort,
    #[error("no answer from http://{0}/ready: {1}")]
    Silent(String, Box<ureq::Error>),
    #[error("not ready: {0}")]
    Waiting(String),
}

/// Asks the program that answers at its `metrics_address`, of the same configuration and on this machine, for `/ready`.
///
/// # Errors
///
/// When the program is not ready, does not answer in time, or has no address to be asked at.
pub fn ask(metrics_address: Option<&str>) -> Result<(), Failure> {
    let address = metrics_address.ok_or(NotReady::Nowhere).map_err(Failure::usage)?;
    let address = reachable(Some(address)).ok_or(NotReady::AnyPort).map_err(Failure::usage)?;
    answer(&address).map_err(Failure::runtime)
}

fn answer(address: &str) -> Result<(), NotReady> {
    let silent = |error| NotReady::Silent(address.to_owned(), Box::new(error));
    // A proxy is for others: this program is asked on its own machine.
    let settings = ureq::Agent::config_builder()
        .timeout_global(Some(PATIENCE))
        .http_status_as_error(false)
        .proxy(None);
    let agent = settings.build().new_agent();
    let mut answer = agent.get(format!("http://{address}/ready")).call().map_err(silent)?;
    let text = answer.body_mut().read_to_string().map_err(silent)?;
    if answer.status().is_success() { Ok(()) } else { Err(NotReady::Waiting(text)) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use freshet_core::wire::{Component, State};

    use super::*;
    use crate::endpoints::Endpoints;
    use crate::{Health, Shutdown, metrics};

    #[tokio::test(flavor = "multi_thread")]
    async fn a_program_is_ready_when_it_says_so_itself() {
        let health = Arc::new(Health::new(Component::Producer));
        let registry = metrics::registry("producer", &health, |_| ());
        let endpoints =
            Endpoints { health: Arc::clone(&health), registry, shutdown: Shutdown::new() };
        let address = endpoints.serve("127.0.0.1:0").await.unwrap().to_string();
        health.set_state(State::Running);
        ask(Some(&address)).unwrap();
        health.wait_for("kafka", "Kafka: no broker answers");
        let Err(Failure::Runtime(why)) = ask(Some(&address)) else { panic!("it is not ready") };
        assert!(why.to_string().contains("Kafka: no broker answers"), "{why}");
    }

    #[test]
    fn who_does_not_answer_is_not_ready() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        drop(listener);
        assert!(matches!(ask(Some(&address)), Err(Failure::Runtime(_))));
    }

    #[test]
    fn who_has_no_address_cannot_be_asked() {
        for address in [None, Some("127.0.0.1:0")] {
            assert!(matches!(ask(address), Err(Failure::Usage(_))), "{address:?}");
        }
    }
}
