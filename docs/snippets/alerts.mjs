// Handles every alert once: node alerts.mjs HOST:PORT GROUP FILE
//
// Alerts are delivered at least once: a repeat is recognised by its event_id. A crash between
// handling and its note repeats that one alert.
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { Consumer } from '@platformatic/kafka';
import avro from 'avsc';

const [bootstrap, groupId, file] = process.argv.slice(2);
const schema = new URL('../../schemas/avro/high_risk_alert.avsc', import.meta.url);
const type = avro.Type.forSchema(JSON.parse(readFileSync(schema, 'utf8')));
const handled = new Set(existsSync(file) ? readFileSync(file, 'utf8').split('\n') : []);

const consumer = new Consumer({ groupId, clientId: 'my-alerts', bootstrapBrokers: [bootstrap] });
const stream = await consumer.consume({
  topics: ['tutoring.tutors.high-risk.v1'],
  autocommit: false,
  mode: 'committed',
  fallbackMode: 'earliest',
});
for await (const message of stream) {
  // A zero byte and the schema id (4 bytes) come before the Avro body.
  const alert = type.fromBuffer(message.value.subarray(5));
  if (!handled.has(alert.event_id)) {
    console.log(`${alert.event_id} ${alert.kind} ${alert.tutor_id}`);
    handled.add(alert.event_id);
    appendFileSync(file, `${alert.event_id}\n`);
  }
  await message.commit();
}
