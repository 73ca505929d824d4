#!/usr/bin/env node
// `fusewire` of the SDK's package: the service's command line where the service is installed, one clear line where not.
const service = '@fusewire/service';

async function load() {
  try {
    return await import(`${service}/cli`);
  } catch (error) {
    // Only what is missing itself, not what a module that is there misses.
    const missing = error?.code === 'ERR_MODULE_NOT_FOUND' ? String(error.message).split(' imported from ')[0] : '';
    if (missing.includes(`'${service}'`)) {
      console.error(`fusewire: the service is not installed here. Install it with: npm install ${service}`);
    } else if (/dist[\\/]cli[\\/]main\.js'/.test(missing)) {
      console.error('fusewire: the service is not built. Build it with: npm run build');
    } else {
      throw error;
    }
    return undefined;
  }
}

const cli = await load();
process.exitCode = cli === undefined ? 1 : await cli.main(process.argv.slice(2));
