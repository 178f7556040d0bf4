//! The client of MQTT 3.1.1.

use std::time::Duration;

use async_trait::async_trait;
use rumqttc_v4::mqttbytes::Error as PacketError;
use rumqttc_v4::{
    AckMode, AsyncClient, ConnectReturnCode, ConnectionError, Event as Happening, EventLoop,
    MqttOptions, Outgoing, Packet, Publish, QoS, StateError, SubscribeFilter, SubscribeReasonCode,
};

use super::Subscription;
use super::client::{
    self, Event, Failure, MAX_PACKET_BYTES, MAX_REQUESTS, Publication, Refusal, Session, connector,
    words,
};
use crate::network::{CONNECT_TIMEOUT, causes};

/// Nothing that is sent is large.
const MAX_OUTGOING_BYTES: usize = 1 << 20;

pub(super) struct Client {
    client: AsyncClient,
    events: EventLoop,
}

impl Client {
    pub(super) fn new(subscription: &Subscription, id: &str, session: Session) -> Self {
        // Bounded by the messages that there are to acknowledge.
        let builder = AsyncClient::builder(options(subscription, id, session)).unbounded();
        let (client, mut events) = builder.build();
        events.network_options.set_connection_timeout(CONNECT_TIMEOUT.as_secs());
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
            Happening::Incoming(_) | Happening::Outgoing(_) => Event::Other,
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
        let filters = topics.iter().map(|topic| SubscribeFilter::new(topic.clone(), qos));
        // A client that is gone says so when it is polled.
        drop(self.client.try_subscribe_many(filters));
    }

    fn leave(&self) {
        drop(self.client.try_disconnect_now());
    }

    fn keep_alive(&self) -> Duration {
        self.events.mqtt_options.keep_alive()
    }

    /// The broker takes each subscription for a new one.
    fn may_subscribe_again(&self) -> bool {
        false
    }
}

fn options(subscription: &Subscription, id: &str, session: Session) -> MqttOptions {
    let server = &subscription.server;
    let mut options = MqttOptions::new(id, (server.host.to_string(), server.port));
    options
        .set_keep_alive(subscription.keep_alive)
        .set_max_packet_size(MAX_PACKET_BYTES as usize, MAX_OUTGOING_BYTES)
        .set_clean_session(session == Session::Clean)
        .set_ack_mode(AckMode::Manual)
        .set_max_request_batch(MAX_REQUESTS)
        // What was read is in memory without being counted.
        .set_read_batch_size(1);
    if let Some(username) = &subscription.username {
        let password = subscription.password.as_ref().map_or("", |password| password.expose());
        options.set_credentials(username.clone(), password.to_owned());
    }
    let connect = connector(subscription);
    options.set_socket_connector(move |_, _| connect());
    options
}

fn subscribed(code: SubscribeReasonCode) -> Result<u8, String> {
    match code {
        SubscribeReasonCode::Success(qos) => Ok(qos as u8),
        SubscribeReasonCode::Failure => Err("refused".to_owned()),
    }
}

fn failure(error: ConnectionError) -> Failure {
    match error {
        ConnectionError::Io(error) => Failure::Unreachable(error),
        ConnectionError::ConnectionRefused(code) => {
            Failure::Refused(refusal(code), words(&format!("{code:?}")))
        }
        ConnectionError::NetworkTimeout | ConnectionError::FlushTimeout => {
            Failure::Lost("it does not answer".to_owned())
        }
        ConnectionError::MqttState(error) => state_failure(error),
        error => Failure::Lost(causes(&error)),
    }
}

fn state_failure(error: StateError) -> Failure {
    match error {
        StateError::Deserialization(PacketError::PayloadSizeLimitExceeded(_)) => Failure::TooLarge,
        StateError::Deserialization(PacketError::Io(error)) | StateError::Io(error) => {
            Failure::Lost(causes(&error))
        }
        StateError::Deserialization(error) => {
            Failure::Lost(format!("what it sends is no MQTT: {}", causes(&error)))
        }
        StateError::AwaitPingResp => Failure::Lost("it has not answered a ping".to_owned()),
        StateError::ConnectionAborted => Failure::Closed,
        error => Failure::Lost(causes(&error)),
    }
}

fn refusal(code: ConnectReturnCode) -> Refusal {
    match code {
        ConnectReturnCode::BadUserNamePassword | ConnectReturnCode::NotAuthorized => Refusal::Login,
        ConnectReturnCode::BadClientId => Refusal::ClientId,
        ConnectReturnCode::RefusedProtocolVersion => Refusal::Version,
        ConnectReturnCode::ServiceUnavailable | ConnectReturnCode::Success => Refusal::Other,
    }
}
