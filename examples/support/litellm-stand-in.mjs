// A stand-in for a LiteLLM proxy: it asks the service's guardrail before a call, answers as a proxy does, and tells the
// service's callback afterwards, as a real one would with the configuration in docs/providers/litellm.md.
import { createServer } from 'node:http';

export async function startLitellmStandIn(service) {
  const base = `${service.url}/meter/v2/fusewire/litellm`;
  const headers = { authorization: `Bearer ${service.keys.metering}`, 'content-type': 'application/json' };
  const post = async (path, body) =>
    (await fetch(`${base}/${path}`, { method: 'POST', headers, body: JSON.stringify(body) })).json();
  const server = createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    const { model } = JSON.parse(Buffer.concat(parts).toString('utf8'));
    const callId = request.headers['x-litellm-call-id'] ?? crypto.randomUUID();
    const custom = Object.fromEntries(Object.entries(request.headers).filter(([name]) => name.startsWith('x-')));
    const asked = {
      input_type: 'request',
      litellm_call_id: callId,
      model,
      texts: [],
      request_data: {},
      request_headers: custom,
    };
    const { action, blocked_reason: reason } = await post('guardrail', asked);
    const answer = (status, body, more = {}) =>
      response.writeHead(status, { 'content-type': 'application/json', ...more }).end(JSON.stringify(body));
    if (action === 'BLOCKED') return answer(400, { error: { message: `Content blocked by guardrail: ${reason}` } });
    const id = `chatcmpl-${crypto.randomUUID()}`;
    const usage = { prompt_tokens: 1000, completion_tokens: 50, total_tokens: 1050, cache_read_input_tokens: 700 };
    const choices = [
      { index: 0, message: { role: 'assistant', content: 'Nobody asked before.' }, finish_reason: 'stop' },
    ];
    answer(
      200,
      { id, object: 'chat.completion', created: 1, model, choices, usage },
      {
        'x-litellm-call-id': callId,
        'x-litellm-model-id': 'deployment-1',
        'x-litellm-response-cost': '0.02',
      },
    );
    const now = Date.now() / 1000;
    await post('callback', [
      {
        ...{ id, litellm_call_id: callId, call_type: 'acompletion', status: 'success', stream: false },
        ...{ model, custom_llm_provider: 'anthropic', response_cost: 0.02, startTime: now - 1, endTime: now },
        metadata: { usage_object: usage, requester_custom_headers: custom },
        response: { id, choices },
      },
    ]);
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    stop: () => new Promise((stopped) => server.close(stopped).closeAllConnections()),
  };
}
