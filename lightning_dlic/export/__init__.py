"""Networks in other forms: ONNX, integers."""
