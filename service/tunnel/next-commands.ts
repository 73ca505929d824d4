/** What is left to do with cloudflared itself, in order. Its own commands, as its documentation has them. */

/** A command and what it is for. */
export interface NextCommand {
  readonly command: string;
  readonly purpose: string;
}

/** Of a tunnel that publishes `hostname` with the configuration `file`. */
export function nextCommands(wish: {
  readonly file: string;
  readonly hostname: string;
  /** As cloudflared is asked for it: its id where that is known. */
  readonly tunnel: string;
  /** Its credentials are there, so it has been created. */
  readonly isCreated: boolean;
}): readonly NextCommand[] {
  const file = quoted(wish.file);
  const create: readonly NextCommand[] = [
    { command: 'cloudflared tunnel login', purpose: 'once for an account: choose the domain in the browser' },
    {
      command: `cloudflared tunnel create ${wish.tunnel}`,
      purpose: 'makes the tunnel and its credentials file; then run `fusewire tunnel init` again with --credentials',
    },
  ];
  return [
    ...(wish.isCreated ? [] : create),
    {
      command: `cloudflared tunnel route dns ${wish.tunnel} ${wish.hostname}`,
      purpose: 'a DNS record for the host, which leads to the tunnel',
    },
    { command: `cloudflared tunnel --config ${file} ingress validate`, purpose: 'what cloudflared says of the rules' },
    {
      command: `cloudflared tunnel --config ${file} ingress rule https://${wish.hostname}/health`,
      purpose: 'which rule takes a request: it must be that of the gateway',
    },
    { command: `cloudflared tunnel --config ${file} run ${wish.tunnel}`, purpose: 'runs the tunnel in the foreground' },
    {
      command: `sudo cloudflared --config ${file} service install`,
      purpose: 'or as a service of this machine, which begins at boot',
    },
    { command: `curl https://${wish.hostname}/health`, purpose: 'the gateway, from outside' },
  ];
}

/** For a shell, in quotes where it would not come through as it is. */
function quoted(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
