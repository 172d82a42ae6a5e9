1/obj/expr_stage.o: tracer/expr_stage.c tracer/expr_stage.h bpf/event.h \
 tracer/expr.h tracer/decode.h
tracer/expr_stage.h:
bpf/event.h:
tracer/expr.h:
tracer/decode.h:
