// Search in pages that are opened as files: browsers start no worker from a file, so a hidden frame runs its script.
if (location.protocol === "file:") {
  window.Worker = class {
    constructor(url) {
      this.frame = document.createElement("iframe")
      this.frame.hidden = true
      document.documentElement.append(this.frame)
      this.inner = this.frame.contentWindow
      this.inner.postMessage = data => setTimeout(() => this.onmessage && this.onmessage({ data }))
      const script = this.frame.contentDocument.createElement("script")
      this.ready = new Promise((loaded, failed) => { script.onload = loaded; script.onerror = failed })
      this.ready.catch(event => this.onerror && this.onerror(event))
      script.src = new URL(url, location.href).href
      this.frame.contentDocument.body.append(script)
    }
    postMessage(data) {
      this.ready.then(() => this.inner.onmessage && this.inner.onmessage({ data }), () => {})
    }
    terminate() {
      this.frame.remove()
    }
  }
}
