import { expect, it } from 'vitest';
import { tapResponse } from '../../src/instrument/tap-response.js';
import { openaiAdapter, readOpenAIRequest } from '../../src/providers/openai.js';
import { createRecordingPath } from '../helpers/recording-path.js';

it('I4: an error answer that nobody reads is a failed attempt with its status, not an abandoned one', () => {
  const recording = createRecordingPath();
  const request = { method: 'POST', url: 'https://api.openai.com/v1/chat/completions', body: { model: 'gpt-4o' } };
  const reading = readOpenAIRequest(request);
  const attempt = recording.path.begin(recording.path.admit(reading, undefined));
  const options = { streaming: false };
  tapResponse(new Response('no', { status: 429 }), attempt, openaiAdapter.createUsageReader(reading), options);
  attempt.settle('abandoned');
  expect(recording.events).toHaveLength(1);
  expect(recording.events[0]).toMatchObject({ stopReason: 'ERROR', errorCode: 429, attributes: { end: 'failed' } });
});
