// The service's `prepublishOnly`: its package.json names the SDK by path, which must not reach a registry.
console.error(
  'Publish the tarballs that `node scripts/pack.mjs FOLDER` makes, not this folder: npm publish FOLDER/*.tgz',
);
process.exit(1);
