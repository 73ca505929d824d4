// What each sub-path exports and whether it is initialized, as ES module and as CommonJS, as one line of JSON.
const NAMES = ['openai', 'azure', 'anthropic', 'google', 'ollama', 'perplexity', 'litellm', 'fal'];
const PATHS = [...NAMES, 'langchain', 'ai-sdk', 'outcomes', 'testing'];

async function main() {
  const said = {};
  for (const path of PATHS) {
    const required = require(`fusewire/${path}`);
    const imported = await import(`fusewire/${path}`);
    said[path] = {
      required: Object.keys(required).sort(),
      imported: Object.keys(imported).sort(),
      initialized: [required.isInitialized?.(), imported.isInitialized?.()],
    };
  }
  console.log(JSON.stringify(said));
}

main();
