/*
 * Adds to pages that work without it: sends a code once its digits are in, counts waiting times down, copies,
 * downloads and prints, shows a password, puts the focus on the error summary. Every word it shows comes from the
 * page, so that it is translated. Buttons that need it are `hidden` in the page until it runs.
 */
(function () {
  "use strict";

  const LANGUAGE = document.documentElement.lang || undefined;
  const SPOKEN_SECONDS = [30, 10]; // below a minute; above it, whole minutes are spoken
  const RELEASE_AFTER = 8000; // ms; a form that was sent and came to nothing may be sent again

  function each(selector, act) {
    document.querySelectorAll(selector).forEach(act);
  }

  function speaker(near) {
    const region = document.createElement("div");
    region.className = "hardening-unseen";
    region.setAttribute("aria-live", "polite");
    near.closest(".hardening").append(region);
    return region;
  }

  // A double click would post a one-time code twice, and the second answer says that it was spent.
  function sendOnce(form) {
    let sent = false;
    const release = () => { sent = false; };
    form.addEventListener("submit", (event) => {
      if (sent) {
        event.preventDefault();
        return;
      }
      sent = true;
      setTimeout(release, RELEASE_AFTER);
    });
    window.addEventListener("pageshow", release);
  }

  // Only on input by the person: a value that the server or the browser put there is never sent by itself.
  function sendWhenComplete(form) {
    const wanted = Number(form.dataset.hardeningSubmitAt);
    const field = form.querySelector("input[name=code]");
    if (!field || !form.requestSubmit) {
      return;
    }
    const note = form.querySelector("[data-hardening-with-script]");
    if (note) {
      note.hidden = false;
      const described = field.getAttribute("aria-describedby");
      field.setAttribute("aria-describedby", described ? described + " " + note.id : note.id);
    }
    let done = false;
    field.addEventListener("input", (event) => {
      const typed = field.value.replace(/[\s-]/g, "");
      const deleting = (event.inputType || "").startsWith("delete");
      if (done || deleting || event.isComposing || typed.length !== wanted || /\D/.test(typed)) {
        return;
      }
      done = true;
      form.requestSubmit(form.querySelector("button:not([type=button])"));
    });
    window.addEventListener("pageshow", () => { done = false; });
  }

  function inWords(seconds) {
    const parts = [];
    const add = (value, unit) => parts.push(
      new Intl.NumberFormat(LANGUAGE, { style: "unit", unit, unitDisplay: "long" }).format(value));
    const hours = Math.floor(seconds / 3600);
    const minutes = Math.floor((seconds % 3600) / 60);
    if (hours) {
      add(hours, "hour");
    }
    if (minutes) {
      add(minutes, "minute");
    }
    if (seconds % 60 || !parts.length) {
      add(seconds % 60, "second");
    }
    return parts.join(" ");
  }

  function countDown(box) {
    const value = box.querySelector("[data-countdown-value]") || box;
    const waiting = document.getElementById(box.dataset.countdownEnables || "");
    const end = Date.now() + Number(box.dataset.countdown) * 1000;
    const region = speaker(box);
    if (waiting) {
      waiting.disabled = true;
    }
    let last = null;
    const tick = () => {
      const left = Math.max(0, Math.ceil((end - Date.now()) / 1000));
      if (left === last) {
        return;
      }
      if (!left) {
        clearInterval(timer);
        box.textContent = box.dataset.countdownDone;
        region.textContent = box.dataset.countdownDone;
        if (waiting) {
          waiting.disabled = false;
        }
        return;
      }
      value.textContent = inWords(left);
      if (last !== null && (left % 60 === 0 || SPOKEN_SECONDS.includes(left))) {
        region.textContent = box.textContent;
      }
      last = left;
    };
    const timer = setInterval(tick, 250);
    tick();
  }

  function textOf(id) {
    const items = document.querySelectorAll("#" + id + " code");
    return items.length
      ? Array.from(items, (item) => item.textContent).join("\n") + "\n"
      : document.getElementById(id).textContent.trim();
  }

  function sayDone(button, region) {
    const before = button.textContent;
    button.textContent = button.dataset.hardeningDone;
    region.textContent = button.dataset.hardeningDone;
    setTimeout(() => {
      button.textContent = before;
      region.textContent = "";
    }, 3000);
  }

  function tool(button, act) {
    const region = speaker(button);
    button.hidden = false;
    let busy = false;
    button.addEventListener("click", async () => {
      if (busy) {
        return;
      }
      busy = true;
      try {
        await act(button);
        sayDone(button, region);
      } catch {
        // Refused by the browser: the text stands on the page and can be taken by hand.
      }
      setTimeout(() => { busy = false; }, 3000);
    });
  }

  function download(button) {
    const title = button.dataset.hardeningTitle;
    const text = (title ? title + "\n\n" : "") + textOf(button.dataset.hardeningDownload);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/plain;charset=utf-8" }));
    link.download = button.dataset.hardeningFile;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  function reveal(button) {
    const field = document.getElementById(button.dataset.hardeningReveal);
    const words = button.querySelector("[data-hardening-reveal-text]");
    const show = words.textContent;
    const set = (shown) => {
      field.type = shown ? "text" : "password";
      words.textContent = shown ? button.dataset.hardeningHideText : show;
    };
    button.hidden = false;
    button.addEventListener("click", () => set(field.type === "password"));
    // As a password again when sent, so that the browser never remembers it as a text.
    field.form.addEventListener("submit", () => set(false));
  }

  // As the link would do by itself, but without leaving "#field" in the address: a browser carries that along
  // through the form's redirect, and the next page would open scrolled to its own field of that name.
  function leadToField(link) {
    const field = document.getElementById(link.hash.slice(1));
    link.addEventListener("click", (event) => {
      if (field) {
        event.preventDefault();
        field.focus();
        field.closest(".hardening-field").scrollIntoView({ block: "nearest" });
      }
    });
  }

  each(".hardening form", sendOnce);
  each(".hardening [role=alert] a[href^='#']", leadToField);
  each("form[data-hardening-submit-at]", sendWhenComplete);
  each(".hardening [data-countdown]", countDown);
  if (navigator.clipboard) {
    each(".hardening [data-hardening-copy]", (button) => tool(
      button, () => navigator.clipboard.writeText(textOf(button.dataset.hardeningCopy))));
  }
  each(".hardening [data-hardening-download]", (button) => tool(button, download));
  each("[data-hardening-print]", (button) => {
    button.hidden = false;
    button.addEventListener("click", () => window.print());
  });
  each("[data-hardening-reveal]", reveal);
  each("[data-hardening-focus]", (summary) => summary.focus());
})();
