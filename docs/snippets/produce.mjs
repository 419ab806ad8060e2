// Sends one session event: node produce.mjs HOST:PORT TUTOR_ID SESSION_ID
import { randomUUID } from 'node:crypto';
import { Producer, stringSerializers } from '@platformatic/kafka';

const [bootstrap, tutorId, sessionId] = process.argv.slice(2);
const event = {
  // The identity of the fact: keep it and send it again after a failure, and it is counted once.
  event_id: randomUUID(),
  event_type: 'completed',
  session_id: sessionId,
  tutor_id: tutorId,
  student_id: 'student-17',
  scheduled_start: '2026-03-02T15:00:00Z',
  occurred_at: '2026-03-02T16:00:00Z',
};
const producer = new Producer({
  clientId: 'my-producer',
  bootstrapBrokers: [bootstrap],
  serializers: stringSerializers,
  idempotent: true,
});
const sent = await producer.send({
  messages: [
    { topic: 'tutoring.sessions.lifecycle.v1', key: tutorId, value: JSON.stringify(event) },
  ],
});
console.log(`partition ${sent.offsets[0].partition}, offset ${sent.offsets[0].offset}`);
await producer.close();
