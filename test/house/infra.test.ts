import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

const text = (path: string) => readFileSync(path, 'utf8');
const versionIn = (path: string) => /^const version = '([^']+)'/m.exec(text(path))?.[1];

describe('the build', () => {
  it('leaves a command that can be started: npx marks it as executable only once, and a new build makes a new file', () => {
    const { bin, scripts } = JSON.parse(text('package.json'));
    expect(statSync(bin.vimi).mode & 0o111).toBe(0o111);
    expect(statSync('dist/cli/main.js').mode & 0o111).toBe(0o111);
    expect(scripts.build).toContain('chmodSync');
  });
});

describe('the compose file', () => {
  const { services } = parse(text('infra/compose.yaml'));

  it('has the servers, of the versions that the tests run against', () => {
    expect(services.kafka.image).toBe(`apache/kafka:${versionIn('infra/servers/kafka.mjs')}`);
    expect(services.s3.image).toBe(`versity/versitygw:${versionIn('infra/servers/s3.mjs')}`);
    const image = 'cr.weaviate.io/semitechnologies/weaviate';
    expect(`v${services.weaviate.image.slice(image.length + 1)}`).toBe(versionIn('infra/servers/weaviate.mjs'));
    expect(text('infra/kafka/pom.xml')).toContain(`<kafka.version>${versionIn('infra/servers/kafka.mjs')}<`);
    expect(text('examples/clients/java/pom.xml')).toContain(`<version>${versionIn('infra/servers/kafka.mjs')}<`);
  });

  it('opens no port beyond this machine', () => {
    const ports = Object.values<{ ports?: string[] }>(services).flatMap((service) => service.ports ?? []);
    expect(ports).toHaveLength(6);
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
  });

  it('runs vimi without rights, on a root that it cannot write, and lets it finish', () => {
    const { vimi } = services;
    expect(vimi).toMatchObject({ read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'] });
    const within = vimi.command[vimi.command.indexOf('--stop-within') + 1];
    expect(Number.parseInt(vimi.stop_grace_period, 10)).toBe(Number.parseInt(within, 10) + 15);
    expect(Object.keys(services)).toEqual(expect.arrayContaining(Object.keys(vimi.depends_on)));
    // Whoever starts the servers alone gets no container of vimi that waits for a key.
    expect(vimi.profiles).toEqual(['vimi']);
  });

  it('names files that are there', () => {
    const files = Object.values<{ volumes?: string[] }>(services)
      .flatMap((service) => service.volumes ?? [])
      .filter((volume) => /^\.\.?\//.test(volume));
    expect(files.length).toBeGreaterThan(0);
    for (const volume of files) {
      const place = `infra/${volume.split(':')[0]}`;
      const inside = statSync(place).isDirectory() ? readdirSync(place).map((name) => `${place}/${name}`) : [place];
      expect(inside.length).toBeGreaterThan(0);
      for (const file of inside) expect(() => parse(text(file))).not.toThrow();
    }
  });
});

describe('the check of the clients', () => {
  it('keeps no jars of a Maven that was interrupted: the next run would take them for all', () => {
    const folder = mkdtempSync(join(tmpdir(), 'vimi-clients-'));
    const program = (path: string, script: string) => {
      mkdirSync(join(folder, path, '..'), { recursive: true });
      writeFileSync(join(folder, path), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    };
    try {
      program('.cache/infra/env', '');
      program('.cache/clients/python/bin/python', '');
      program('bin/node', '');
      program(
        'bin/mvn',
        'for last; do :; done; to=$(echo "$last" | cut -d= -f2); mkdir -p "$to"; echo half > "$to/a.jar"; echo ran > mvn-ran; exit 1',
      );
      cpSync('infra/check-clients.sh', join(folder, 'infra/check-clients.sh'));
      const { status } = spawnSync('bash', ['infra/check-clients.sh'], {
        cwd: folder,
        env: { PATH: `${join(folder, 'bin')}:${process.env.PATH}` },
      });
      expect(status).not.toBe(0);
      expect(readFileSync(join(folder, 'mvn-ran'), 'utf8')).toBe('ran\n');
      expect(readdirSync(join(folder, '.cache/clients'))).toEqual(['python']);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('a program that Go builds for a check', () => {
  /** infra/check-operations.sh with this in place of `go`, which is asked for the version first and then told to install. */
  const checkedWith = (install: string) => {
    const folder = mkdtempSync(join(tmpdir(), 'vimi-go-'));
    writeFileSync(join(folder, 'go'), `#!/bin/sh\n[ "$1" = install ] || exit 1\n${install}\n`, { mode: 0o755 });
    const tools = join(folder, 'tools');
    const env = { ...process.env, PATH: `${folder}:${process.env.PATH}`, VIMI_TOOLS: tools };
    const { status, stderr } = spawnSync('bash', ['infra/check-operations.sh'], { env, encoding: 'utf8' });
    const left = readdirSync(tools);
    rmSync(folder, { recursive: true });
    return { status, stderr, left };
  };

  it.each([
    ['kill -INT $$', 'was killed by SIGINT'],
    ['kill -KILL $$', 'was killed by SIGKILL'],
    ['exit 2', 'ended with 2'],
  ])('is named when it says nothing itself: %s', (install, how) => {
    const { status, stderr, left } = checkedWith(install);
    expect(status).toBe(1);
    expect(stderr).toMatch(/^check-operations: line \d+: go install github\.com\/prometheus\/.*$/m);
    expect(stderr).toContain(how);
    expect(left).toEqual([]);
  });

  it('is named when it was built and fails without a word', () => {
    const { status, stderr } = checkedWith(
      'printf "#!/bin/sh\\nexit 3\\n" > "$GOBIN/promtool" && chmod +x "$GOBIN/promtool"',
    );
    expect(status).toBe(3);
    expect(stderr).toMatch(/^check-operations: line \d+: "\$tools\/promtool" check config .* ended with 3$/m);
  });
});
