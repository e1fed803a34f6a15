/*
 * Solves the puzzle of the login page: counts up until the SHA-256 of "<puzzle>.<number>" begins with so many zero
 * bits. This one file is both the page's script and, where the browser lets it, a worker beside the page.
 *
 * Nobody has to wait to type. A form that is sent too early waits for the solution, at most WAIT_AT_MOST, and then
 * goes without; a right password then leads to the mailbox. Every word shown comes from the page.
 *
 * SHA-256 (FIPS 180-4) is written out: the browser's own is missing without HTTPS, and too slow for short texts, since
 * each digest is a promise.
 */
(function () {
  "use strict";

  const WAIT_AT_MOST = 10000; // ms, from the moment the form was sent
  const SLICE = 20; // ms at a time, where there is no worker
  const ROUND = 1024; // numbers between two looks at the clock
  const FRESH = 0.8; // of a puzzle's time; then a new one is fetched

  // --- SHA-256 -----------------------------------------------------------------------------------------------

  // The first 32 bits of the fractional parts of the roots of the first primes, as the standard defines them.
  const primes = [];
  for (let candidate = 2; primes.length < 64; candidate += 1) {
    if (primes.every((prime) => candidate % prime)) {
      primes.push(candidate);
    }
  }
  const fraction = (root) => ((root - Math.floor(root)) * 0x100000000) | 0;
  const K = Int32Array.from(primes, (prime) => fraction(Math.cbrt(prime)));
  const START = Int32Array.from(primes.slice(0, 8), (prime) => fraction(Math.sqrt(prime)));
  const BLOCK = 64; // bytes
  const words = new Int32Array(64);

  // Adds one block, big-endian words in words[0..15], to a state; `out` may be the state itself.
  function compress(state, out) {
    for (let i = 16; i < 64; i += 1) {
      const x = words[i - 15];
      const y = words[i - 2];
      const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
      const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
      words[i] = (words[i - 16] + s0 + words[i - 7] + s1) | 0;
    }
    let a = state[0], b = state[1], c = state[2], d = state[3];
    let e = state[4], f = state[5], g = state[6], h = state[7];
    for (let i = 0; i < 64; i += 1) {
      const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
      const t1 = (h + s1 + ((e & f) ^ (~e & g)) + K[i] + words[i]) | 0;
      const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
      const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      h = g;
      g = f;
      f = e;
      e = (d + t1) | 0;
      d = c;
      c = b;
      b = a;
      a = (t1 + t2) | 0;
    }
    out[0] = (state[0] + a) | 0;
    out[1] = (state[1] + b) | 0;
    out[2] = (state[2] + c) | 0;
    out[3] = (state[3] + d) | 0;
    out[4] = (state[4] + e) | 0;
    out[5] = (state[5] + f) | 0;
    out[6] = (state[6] + g) | 0;
    out[7] = (state[7] + h) | 0;
  }

  function load(bytes, from) {
    for (let i = 0; i < 16; i += 1) {
      const at = from + 4 * i;
      words[i] = (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
    }
  }

  // --- looking for the number --------------------------------------------------------------------------------

  // Returns `step()`, which tries ROUND numbers and returns the one found, as text, or an empty text.
  function search(puzzle, bits) {
    const prefix = Array.from(puzzle + ".", (sign) => sign.charCodeAt(0));
    const middle = START.slice(); // what comes before the number is the same each time
    let whole = 0;
    for (; whole + BLOCK <= prefix.length; whole += BLOCK) {
      load(prefix, whole);
      compress(middle, middle);
    }
    const rest = prefix.slice(whole);
    const block = new Uint8Array(2 * BLOCK);
    const state = new Int32Array(8);
    let number = 0;

    function firstWord(digits) {
      const length = rest.length + digits.length;
      const size = length + 9 <= BLOCK ? BLOCK : 2 * BLOCK;
      block.fill(0);
      block.set(rest);
      for (let i = 0; i < digits.length; i += 1) {
        block[rest.length + i] = digits.charCodeAt(i);
      }
      block[length] = 0x80;
      const inBits = 8 * (whole + length);
      for (let i = 1; i <= 4; i += 1) {
        block[size - i] = inBits >>> (8 * (i - 1));
      }
      load(block, 0);
      compress(middle, state);
      if (size > BLOCK) {
        load(block, BLOCK);
        compress(state, state);
      }
      return state[0];
    }

    return function step() {
      for (let i = 0; i < ROUND; i += 1, number += 1) {
        const digits = String(number);
        if (Math.clz32(firstWord(digits)) >= bits) {
          return digits;
        }
      }
      return "";
    };
  }

  if (typeof document === "undefined") {
    self.onmessage = (event) => {
      const step = search(event.data.puzzle, event.data.bits);
      let found = "";
      while (!found) {
        found = step();
      }
      self.postMessage(found);
    };
    return;
  }

  // --- the page ----------------------------------------------------------------------------------------------

  const box = document.querySelector("[data-hardening-puzzle]");
  const form = box && box.closest("form");
  if (!form) {
    return;
  }
  const source = document.currentScript.src;
  const field = (name) => box.querySelector("input[name=" + name + "]");
  const status = box.querySelector("[role=status]");
  let begun = 0; // which puzzle; a worker that answers about an older one is not heard
  let fetched = Date.now();
  let sent = null; // the button of a form that waits, and since when
  let goes = false; // it goes now, with what it has

  function say(words) {
    if (status.textContent !== words) {
      status.textContent = words;
    }
  }

  function inSlices(puzzle, bits, done) {
    const step = search(puzzle, bits);
    const mine = begun;
    (function slice() {
      const end = Date.now() + SLICE;
      let found = "";
      while (!found && Date.now() < end) {
        found = step();
      }
      if (found) {
        done(found);
      } else if (mine === begun) {
        setTimeout(slice, 0);
      }
    })();
  }

  // A worker needs a file of the page's own origin; static files of another host are worked through here.
  function solve() {
    const mine = begun += 1;
    const puzzle = field("puzzle").value;
    const bits = Number(box.dataset.hardeningPuzzle);
    const done = (found) => {
      if (mine === begun) {
        field("solution").value = found;
        say(box.dataset.done);
        release();
      }
    };
    field("solution").value = "";
    say(sent ? box.dataset.waiting : box.dataset.working);
    let worker = null;
    try {
      worker = new Worker(source);
    } catch {
      inSlices(puzzle, bits, done);
      return;
    }
    worker.onmessage = (event) => {
      worker.terminate();
      done(event.data);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      worker.terminate();
      if (mine === begun) {
        inSlices(puzzle, bits, done);
      }
    };
    worker.postMessage({ puzzle, bits });
  }

  // A page that lay open for long gets another puzzle, or none if none is due any more.
  async function renew() {
    begun += 1;
    fetched = Date.now();
    say(box.dataset.waiting);
    try {
      const answer = await fetch(location.href, { headers: { Accept: "application/json" }, cache: "no-store" });
      const fresh = (await answer.json()).challenge;
      if (!fresh) {
        release();
        return;
      }
      field("puzzle").value = fresh.puzzle;
      box.dataset.hardeningPuzzle = fresh.bits;
      solve();
    } catch {
      release();
    }
  }

  function release() {
    if (sent) {
      const button = sent.button;
      clearTimeout(sent.timer);
      sent = null;
      goes = true;
      form.requestSubmit(button);
      goes = false;
    }
  }

  function giveUp() { // the search goes on, for a form that comes to nothing and is sent again
    say(box.dataset.givenUp);
    release();
  }

  function isFresh() {
    return Date.now() - fetched < Number(box.dataset.seconds) * 1000 * FRESH;
  }

  // Before anybody else hears of it: what counts a form as sent must not count one that waits.
  document.addEventListener("submit", (event) => {
    if (event.target !== form || goes || (field("solution").value && isFresh())) {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
    if (sent) {
      return;
    }
    sent = { button: event.submitter || undefined, timer: setTimeout(giveUp, WAIT_AT_MOST) };
    say(box.dataset.waiting);
    if (!isFresh()) {
      renew();
    }
  }, true);

  window.addEventListener("pageshow", (event) => {
    if (event.persisted) {
      fetched = 0; // what this page held was sent once
    }
  });

  if (form.requestSubmit) { // else the form goes as it is
    solve();
  }
})();
