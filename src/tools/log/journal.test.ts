import assert from 'node:assert/strict';
import { test } from 'node:test';
import { journalLine } from './journal.ts';

test('a journal entry is printed as journalctl does', () => {
  const when = new Date(2024, 0, 2, 3, 4, 5).getTime() * 1000;
  const fields = new Map([
    ['_HOSTNAME', 'guest'],
    ['SYSLOG_IDENTIFIER', 'sshd'],
    ['_PID', '12'],
    ['MESSAGE', 'hello'],
  ]);
  assert.equal(journalLine(fields, when), 'Jan 02 03:04:05 guest sshd[12]: hello');
  assert.equal(journalLine(new Map([['MESSAGE', 'x']]), when), 'Jan 02 03:04:05 - unknown: x');
});
