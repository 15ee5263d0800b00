"""AWS Rekognition's face search as a local server."""

from .server import RekognitionSimulator as RekognitionSimulator
