/** By reason code, what to do about records that were rejected for it. */
export const ADVICE: Readonly<Record<string, string>> = {
  invalid_utf8: 'Send text as UTF-8: look at the encoding in which the sender writes values and keys.',
  invalid_json: 'Send one whole JSON object for each record, or set the format that the stream really has.',
  invalid_csv: 'Compare the record with the columns and the delimiter that the stream is configured with.',
  invalid_line_protocol:
    'Compare the record with the line protocol: spaces, commas and quotes have to be escaped.',
  invalid_msgpack:
    'Send one whole map of MessagePack for each record, or set the format that the stream has.',
  invalid_cbor: 'Send one whole map of CBOR for each record, or set the format that the stream really has.',
  invalid_avro:
    'Compare stream.schema_file with the schema that the sender writes with, down to the order of fields.',
  invalid_protobuf:
    'Compare stream.schema_file and stream.message with the type that the sender writes, by field numbers.',
  invalid_compression: 'Set stream.compression to how the sender compresses values, or to "auto".',
  invalid_framing:
    'Let the sender write with a serializer of the schema registry, or set stream.framing to "none".',
  unknown_schema:
    "Set schema_registry.url to the sender's registry, and stream.format to what its schemas are of.",
  missing_series:
    'Send what names the series with every record, or set stream.series to fields that are always there.',
  missing_time: 'Send the event time with every record, or set stream.time.field to what holds it.',
  missing_value:
    'Compare the names under stream.values with the record: none of the metrics was found in it.',
  invalid_time: 'Compare the time in the record with the unit that stream.time.unit says.',
  invalid_value: 'Send metrics as plain numbers, without units, and leave out what was not measured.',
  too_large: 'Send smaller records: split those of many readings, and keep series names short.',
  too_deep: 'Send records that are nested less deeply, or let a transform of the source flatten them.',
  in_future: "Set the sender's clock, best with NTP; if it is right, set stream.max_future higher.",
  transform_failed: "Try the source's transform on this record with `freshet parse --source`, and mend it.",
  unsendable: 'Send smaller records, or raise max.message.bytes of the raw topic.',
  unwritable: 'Look at the writer’s log: the window message does not fit the table in Cassandra.',
};

/** What to do about records that were rejected for this reason. */
export function adviceFor(reason: string): string {
  return ADVICE[reason] ?? 'The dashboard does not know this reason: the component that gave it is newer.';
}
