/** Replaces dist/native/native.js: the calls of the simulated kernel, with the numbers and bytes of the binary. */
import * as c from '../../dist/native/constants.js';
import { native as compiled } from '../../dist/native/native.js?compiled';
import { count, told } from './call.js';
import { kernel } from './kernel.js';
import { sockets } from './native-sockets.js';
import { transfers } from './native-transfers.js';

export * from '../../dist/native/native.js?compiled';

const simulated = {
  ...sockets,
  ...transfers,

  poll(fds, timeout) {
    count('poll');
    kernel.pass();
    for (let round = 0; ; round++) {
      let ready = 0;
      for (let i = 0; i < fds.length; i += 4) {
        const fd = (fds[i] & 0xffff) | (fds[i + 1] << 16);
        const description = kernel.fds.get(fd);
        const wanted = fds[i + 2] | c.POLLERR | c.POLLHUP;
        fds[i + 3] = description === undefined ? c.POLLNVAL : description.mask() & wanted;
        if (fds[i + 3] !== 0) ready++;
      }
      if (ready > 0 || round === 2) return told('poll', '', ready);
      if (timeout === 0) return 0;
      // The world goes on while the thread sleeps; what has not arrived by then does not arrive at all.
      kernel.arrive(1);
      if (round === 1) kernel.sleep(timeout < 0 ? 1_000_000 : timeout);
    }
  },

  reactorStart(list, serve) {
    kernel.list = list;
    kernel.serve = serve;
    return 0;
  },
  reactorThreadStart(list, serve) {
    kernel.threaded = true;
    return simulated.reactorStart(list, serve);
  },
  reactorControl(operation, fd, events, generation) {
    count('epoll_ctl', fd);
    const n = kernel.control(operation, fd, events, generation);
    if (n < 0) kernel.refused.add(`${fd} ${-n}`);
    const name = { [c.EPOLL_CTL_ADD]: 'ADD', [c.EPOLL_CTL_MOD]: 'MOD', [c.EPOLL_CTL_DEL]: 'DEL' }[operation];
    return told(`epoll_ctl ${name} 0x${events.toString(16)} generation ${generation} `, fd, n);
  },
  reactorRenew() {
    count('renew');
    return told('renew', '', kernel.renew());
  },
  reactorRef(alive) {
    kernel.alive = alive !== 0;
    return 0;
  },
};

/** Functions without file descriptors are those of the binary. */
const same = /^(inet_|checksum|gai_strerror|getaddrinfo|getnameinfo|gethost|getserv|getproto|if_|getifaddrs)/;

export const native = {};
for (const [name, value] of Object.entries(compiled)) {
  if (typeof value !== 'function' || same.test(name)) native[name] = value;
  else {
    native[name] =
      simulated[name] ??
      (() => {
        throw new Error(`native.${name} is not simulated`);
      });
  }
}
