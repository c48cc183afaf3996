// The requests to the command that serves this page, and whether it still runs.

const ALIVE_MILLISECONDS = 10_000;

const server = {
  page: "",
  hasEnded: false,
  draft: null, // the bytes to send next
  isSending: false,

  async fetchInfo() {
    return (await fetch("info")).json();
  },

  async fetchArea() {
    return new Uint8Array(await (await fetch("area")).arrayBuffer());
  },

  // Reports this page as open, and as closed when it is left. *onChange* gets whether the command answers.
  watch(onChange) {
    const begin = () => {
      this.page = Array.from(crypto.getRandomValues(new Uint32Array(3)), (part) => part.toString(36)).join("-");
      report();
    };
    const report = async () => {
      if (this.hasEnded) return;
      try {
        await fetch(`alive?${this.page}`, { method: "POST" });
        if (!this.hasEnded) onChange(true);
      } catch {
        if (!this.hasEnded) onChange(false);
      }
    };
    begin();
    setInterval(report, ALIVE_MILLISECONDS);
    addEventListener("visibilitychange", () => document.visibilityState === "visible" && report());
    addEventListener("pagehide", () => this.hasEnded || navigator.sendBeacon(`leave?${this.page}`));
    addEventListener("pageshow", (event) => event.persisted && begin());
  },

  // Keeps what is painted for a reload of the page. While one is being sent, only the newest waits.
  async sendDraft(bytes) {
    this.draft = bytes;
    if (this.isSending) return;
    this.isSending = true;
    while (this.draft && !this.hasEnded) {
      const next = this.draft;
      this.draft = null;
      await this.post("draft", next).catch(() => null);
    }
    this.isSending = false;
  },

  // Returns whether the command has the mask.
  async save(bytes) {
    const response = await this.post("save", bytes).catch(() => null);
    this.hasEnded = Boolean(response?.ok);
    return this.hasEnded;
  },

  async cancel() {
    const response = await fetch("cancel", { method: "POST" }).catch(() => null);
    this.hasEnded = Boolean(response?.ok);
    return this.hasEnded;
  },

  async post(name, bytes) {
    if (!("CompressionStream" in globalThis)) return fetch(name, { method: "POST", body: bytes });
    const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
    const body = await new Response(stream).blob();
    return fetch(name, { method: "POST", body, headers: { "Content-Encoding": "gzip" } });
  },
};
