1/obj/sink_text.o: tracer/sink_text.c tracer/sink_memo.h tracer/sink.h \
 tracer/fields.h bpf/event.h tracer/outbuf.h
tracer/sink_memo.h:
tracer/sink.h:
tracer/fields.h:
bpf/event.h:
tracer/outbuf.h:
