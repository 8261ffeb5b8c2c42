"""Rules about user space: libedgetpu and the TFLite runtimes."""
