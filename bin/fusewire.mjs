#!/usr/bin/env node
// `fusewire` of the SDK's package: the service's command line where the service is installed, one clear line where not.
const service = '@fusewire/service';

async function load() {
  try {
    return await import(`${service}/cli`);
  } catch (error) {
    const missing = error?.code === 'ERR_MODULE_NOT_FOUND';
    if (missing && String(error.message).includes(`'${service}'`)) {
      console.error(`fusewire: the service is not installed here. Install it with: npm install ${service}`);
    } else if (missing && String(error.message).includes('dist/cli/main.js')) {
      console.error('fusewire: the service is not built. Build it with: npm run build');
    } else {
      throw error;
    }
    return undefined;
  }
}

const cli = await load();
process.exitCode = cli === undefined ? 1 : await cli.main(process.argv.slice(2));
