// One call of every provider's client and layer, through whatever guards them. Prints, as one line of JSON, the answer of
// each or the error that it ended with.
const messages = [{ role: 'user', content: 'What is two and two?' }];
const prompt = messages[0].content;

async function outcome(call) {
  try {
    return await call();
  } catch (error) {
    return { error: error.name, code: error.code, rule: error.ruleName };
  }
}

/** The clients of `packages`, each passed through `guard`, as calls by name. */
function clientCalls(packages, guard) {
  const { OpenAI, Ollama, Anthropic, GoogleGenAI, Perplexity, createFalClient } = packages;
  const url = process.env.TEST_PROVIDER_URL;
  // fal's client has no base URL: its fetch leads to the stub.
  const lead = (to, init) => fetch(String(to).replace(/^https:\/\/(queue\.)?fal\.run/, url), init);
  const openai = guard(new OpenAI({ baseURL: `${url}/v1`, apiKey: 'not-a-key' }));
  const ollama = guard(new Ollama({ host: url }));
  const anthropic = guard(new Anthropic({ baseURL: url, apiKey: 'not-a-key' }));
  const google = guard(new GoogleGenAI({ apiKey: 'not-a-key', httpOptions: { baseUrl: url } }));
  const perplexity = guard(new Perplexity({ baseURL: url, apiKey: 'not-a-key' }));
  const fal = guard(createFalClient({ credentials: 'not-a-key', fetch: lead }));
  return {
    openai: async () =>
      (await openai.chat.completions.create({ model: 'gpt-4o-mini', messages })).choices[0].message.content,
    images: async () => `${(await openai.images.generate({ model: 'gpt-image-1', prompt })).data.length} image`,
    ollama: async () => (await ollama.chat({ model: 'llama3.2', messages })).message.content,
    anthropic: async () =>
      (await anthropic.messages.create({ model: 'claude-haiku-4-5', max_tokens: 99, messages })).content[0].text,
    google: async () => (await google.models.generateContent({ model: 'gemini-2.5-flash', contents: prompt })).text,
    perplexity: async () =>
      (await perplexity.chat.completions.create({ model: 'sonar', messages })).choices[0].message.content,
    fal: async () => `${(await fal.run('fal-ai/flux/dev', { input: { prompt } })).data.images.length} image`,
  };
}

/** The layers around other packages' clients. */
function layerCalls({ ChatOpenAI, createOpenAI, generateText, wrapLanguageModel }, callbacks, middleware) {
  const baseURL = `${process.env.TEST_PROVIDER_URL}/v1`;
  const configuration = { baseURL };
  const chat = new ChatOpenAI({ model: 'gpt-4.1-mini', apiKey: 'not-a-key', configuration, callbacks, maxRetries: 0 });
  const calls = { langchain: async () => (await chat.invoke(prompt)).content };
  if (middleware === undefined) return calls;
  const model = wrapLanguageModel({
    model: createOpenAI({ baseURL, apiKey: 'not-a-key' }).chat('gpt-4.1-nano'),
    middleware,
  });
  return { ...calls, aiSdk: async () => (await generateText({ model, prompt, maxRetries: 0 })).text };
}

exports.runEveryClient = async (packages, { guard = (client) => client, callbacks = [], middleware } = {}) => {
  const calls = { ...clientCalls(packages, guard), ...layerCalls(packages, callbacks, middleware) };
  const outcomes = {};
  for (const [name, call] of Object.entries(calls)) outcomes[name] = await outcome(call);
  return outcomes;
};
