//! The client of MQTT 5.

use std::pin::Pin;
use std::time::Duration;

use async_trait::async_trait;
use rumqttc_v5::mqttbytes::Error as PacketError;
use rumqttc_v5::{
    AckMode, AsyncClient, ConnectReturnCode, ConnectionError, DisconnectReasonCode,
    Event as Happening, EventLoop, MqttOptions, Outgoing, Packet, PersistedAckMode,
    PersistedSession, Publish, QoS, RetainForwardRule, SessionStore, SessionStoreError,
    SessionStoreKey, StateError, SubscribeFilter, SubscribeReasonCode,
};

use super::Subscription;
use super::client::{
    self, Event, Failure, MAX_PACKET_BYTES, MAX_REQUESTS, Publication, Refusal, Session, WINDOW,
    connector, words,
};
use crate::network::{CONNECT_TIMEOUT, causes, one_line};

/// What a store of sessions answers with: the crate has a name for it, but keeps it to itself.
type SessionStoreFuture<'a, T> =
    Pin<Box<dyn Future<Output = Result<T, SessionStoreError>> + Send + 'a>>;

/// Nothing is published.
const OUTGOING_WINDOW: u16 = 1;

pub(super) struct Client {
    client: AsyncClient,
    events: EventLoop,
}

impl Client {
    pub(super) fn new(subscription: &Subscription, id: &str, session: Session) -> Self {
        // Bounded by the messages that there are to acknowledge.
        let builder = AsyncClient::builder(options(subscription, id, session)).unbounded();
        let (client, events) = builder.build();
        Self { client, events }
    }

    fn published(&self, publish: &Publish) -> Publication {
        let client = self.client.clone();
        let acknowledgement = self.client.prepare_ack(publish);
        Publication {
            topic: publish.topic.to_vec(),
            // It would hold on to all that was read with it.
            payload: publish.payload.to_vec(),
            is_retained: publish.retain,
            acknowledge: acknowledgement.map(|acknowledgement| {
                let send = move || client.try_manual_ack(acknowledgement).is_ok();
                Box::new(send) as client::Acknowledgement
            }),
        }
    }

    fn event(&self, happening: Happening) -> Event {
        match happening {
            Happening::Incoming(Packet::ConnAck(answer)) => {
                Event::Connected { has_session: answer.session_present }
            }
            Happening::Incoming(Packet::SubAck(answer)) => {
                Event::Subscribed(answer.return_codes.iter().copied().map(subscribed).collect())
            }
            Happening::Incoming(Packet::Publish(publish)) => {
                Event::Published(self.published(&publish))
            }
            Happening::Outgoing(Outgoing::PubAck(_)) => Event::Acknowledged,
            Happening::Outgoing(Outgoing::Disconnect) => Event::Left,
            Happening::Incoming(_) | Happening::Outgoing(_) | Happening::Auth(_) => Event::Other,
        }
    }
}

#[async_trait]
impl client::Client for Client {
    async fn poll(&mut self) -> Result<Event, Failure> {
        let happening = self.events.poll().await.map_err(failure)?;
        Ok(self.event(happening))
    }

    fn subscribe(&self, subscription: &Subscription, topics: &[String]) {
        let qos = if subscription.is_acknowledged { QoS::AtLeastOnce } else { QoS::AtMostOnce };
        let rule = if subscription.retained {
            RetainForwardRule::OnNewSubscribe
        } else {
            RetainForwardRule::Never
        };
        let filters = topics.iter().map(|topic| {
            let mut filter = SubscribeFilter::new(topic.clone(), qos);
            filter.retain_forward_rule = rule.clone();
            filter
        });
        // A client that is gone says so when it is polled.
        drop(self.client.try_subscribe_many(filters));
    }

    fn leave(&self) {
        drop(self.client.try_disconnect_now());
    }

    fn keep_alive(&self) -> Duration {
        self.events.options.keep_alive()
    }

    fn may_subscribe_again(&self) -> bool {
        true
    }
}

fn options(subscription: &Subscription, id: &str, session: Session) -> MqttOptions {
    let server = &subscription.server;
    let mut options = MqttOptions::new(id, (server.host.to_string(), server.port));
    let is_kept = session == Session::Kept;
    options
        .set_keep_alive(subscription.keep_alive)
        .set_max_packet_size(Some(MAX_PACKET_BYTES))
        .set_receive_maximum(Some(WINDOW))
        .set_clean_start(!is_kept)
        .set_session_expiry_interval(is_kept.then_some(subscription.session_expiry))
        .set_outgoing_inflight_upper_limit(OUTGOING_WINDOW)
        .set_ack_mode(AckMode::Manual)
        .set_max_request_batch(MAX_REQUESTS)
        .set_connect_timeout(CONNECT_TIMEOUT)
        // What was read is in memory without being counted.
        .set_read_batch_size(1);
    if is_kept {
        options.set_session_store(NothingToKeep);
    }
    let password = subscription.password.as_ref().map(|password| password.expose().to_owned());
    match (&subscription.username, password) {
        (Some(username), Some(password)) => {
            options.set_credentials(username.clone(), password);
        }
        (Some(username), None) => {
            options.set_username(username.clone());
        }
        (None, Some(password)) => {
            options.set_password(password);
        }
        (None, None) => {}
    }
    let connect = connector(subscription);
    options.set_socket_connector(move |_, _| connect());
    options
}

/// What a client has to remember of its session is what it has sent and the broker has not confirmed. Nothing is
/// published here, so that there never is any, and a session that the broker has kept can always be gone on with, also
/// by a new process.
#[derive(Debug)]
struct NothingToKeep;

impl SessionStore for NothingToKeep {
    fn load<'a>(
        &'a self,
        key: &'a SessionStoreKey,
    ) -> SessionStoreFuture<'a, Option<PersistedSession>> {
        let session = PersistedSession {
            format_version: 1,
            client_id: key.client_id().to_owned(),
            clean_start: false,
            session_expiry_interval: None,
            outgoing_inflight_upper_limit: Some(OUTGOING_WINDOW),
            ack_mode: PersistedAckMode::Manual,
            last_pkid: 0,
            last_puback: 0,
            replay: Vec::new(),
            incoming_qos2: Vec::new(),
        };
        Box::pin(async { Ok(Some(session)) })
    }

    fn save<'a>(
        &'a self,
        _: &'a SessionStoreKey,
        _: &'a PersistedSession,
    ) -> SessionStoreFuture<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    fn clear<'a>(&'a self, _: &'a SessionStoreKey) -> SessionStoreFuture<'a, ()> {
        Box::pin(async { Ok(()) })
    }
}

fn subscribed(code: SubscribeReasonCode) -> Result<u8, String> {
    match code {
        SubscribeReasonCode::Success(qos) => Ok(qos as u8),
        code => Err(words(&format!("{code:?}"))),
    }
}

fn failure(error: ConnectionError) -> Failure {
    match error {
        ConnectionError::Io(error) => Failure::Unreachable(error),
        ConnectionError::ConnectionRefused(code) => {
            Failure::Refused(refusal(code), words(&format!("{code:?}")))
        }
        ConnectionError::Timeout(_) => Failure::Lost("it does not answer".to_owned()),
        ConnectionError::MqttState(error) => state_failure(error),
        error => Failure::Lost(causes(&error)),
    }
}

fn state_failure(error: StateError) -> Failure {
    match error {
        StateError::Deserialization(PacketError::PayloadSizeLimitExceeded { .. }) => {
            Failure::TooLarge
        }
        StateError::Deserialization(PacketError::Io(error)) | StateError::Io(error) => {
            Failure::Lost(causes(&error))
        }
        StateError::Deserialization(error) => {
            Failure::Lost(format!("what it sends is no MQTT: {}", causes(&error)))
        }
        StateError::AwaitPingResp => Failure::Lost("it has not answered a ping".to_owned()),
        StateError::ConnectionAborted => Failure::Closed,
        StateError::ServerDisconnect { reason_code, reason_string } => {
            Failure::Lost(farewell(reason_code, reason_string.as_deref()))
        }
        error => Failure::Lost(causes(&error)),
    }
}

fn farewell(code: DisconnectReasonCode, reason: Option<&str>) -> String {
    if code == DisconnectReasonCode::SessionTakenOver {
        return "another client has connected with the same `client_id`; give each one its own"
            .to_owned();
    }
    let reason = reason.map_or_else(String::new, |reason| format!(": {}", one_line(reason)));
    format!("it has closed the connection: {}{reason}", words(&format!("{code:?}")))
}

fn refusal(code: ConnectReturnCode) -> Refusal {
    match code {
        ConnectReturnCode::BadUserNamePassword
        | ConnectReturnCode::NotAuthorized
        | ConnectReturnCode::BadAuthenticationMethod => Refusal::Login,
        ConnectReturnCode::BadClientId | ConnectReturnCode::ClientIdentifierNotValid => {
            Refusal::ClientId
        }
        ConnectReturnCode::RefusedProtocolVersion
        | ConnectReturnCode::UnsupportedProtocolVersion => Refusal::Version,
        _ => Refusal::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_farewell_says_what_would_help() {
        assert_eq!(
            farewell(DisconnectReasonCode::SessionTakenOver, None),
            "another client has connected with the same `client_id`; give each one its own"
        );
        assert_eq!(
            farewell(DisconnectReasonCode::ServerShuttingDown, Some("see\nyou")),
            "it has closed the connection: server shutting down: see you"
        );
    }
}
