import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ProgressMeter } from './progress-meter.ts';

function meter(): { sent: [number, number][]; at(milliseconds: number): void; meter: ProgressMeter } {
  const sent: [number, number][] = [];
  let now = 0;
  const made = new ProgressMeter(
    (position, total) => sent.push([position, total]),
    () => now,
  );
  made.start();
  return { sent, meter: made, at: (milliseconds) => (now = milliseconds) };
}

test('nothing is sent in the first two seconds', () => {
  const m = meter();
  for (let t = 0; t < 2000; t += 10) {
    m.at(t);
    m.meter.report(t, 2000);
  }
  m.meter.finish();
  assert.deepEqual(m.sent, []);
});

test('then at most three a second, and the last has position = total', () => {
  const m = meter();
  for (let t = 0; t < 5000; t++) {
    m.at(t);
    m.meter.report(t, 5000);
  }
  m.meter.finish();
  assert.ok(m.sent.length <= 1 + 3 * 3 + 1 && m.sent.length >= 9, String(m.sent.length));
  assert.deepEqual(m.sent.at(-1), [5000, 5000]);
  assert.equal(m.sent[0]?.[0], 2000);
});

test('positions are kept between 0 and total', () => {
  const m = meter();
  m.at(2500);
  m.meter.report(-5, 10);
  m.at(3000);
  m.meter.report(20, 10);
  m.meter.finish();
  m.meter.start();
  m.meter.finish();
  assert.deepEqual(m.sent, [
    [0, 10],
    [10, 10],
  ]);
});
